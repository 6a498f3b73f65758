#!/usr/bin/env bash
# Publishes the organization template: packages the project, uploads it, creates or updates the Service Catalog stack.
# Usage: scripts/build.sh S3_BUCKET STACK_NAME REGION STUDIO_ROLE_NAME
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -ne 4 ]; then
  echo "usage: scripts/build.sh S3_BUCKET STACK_NAME REGION STUDIO_ROLE_NAME" >&2
  echo "  S3_BUCKET         an existing bucket of yours in REGION that holds the packaged templates" >&2
  echo "  STACK_NAME        name of the organization's stack, e.g. ml-delivery" >&2
  echo "  STUDIO_ROLE_NAME  name of the IAM role that your SageMaker Studio users run as" >&2
  exit 2
fi
bucket=$1 stack=$2 role=$4
export AWS_DEFAULT_REGION=$3 AWS_REGION=$3 AWS_PAGER=""
[ -d .venv/bin ] && PATH="$PWD/.venv/bin:$PATH"

step() { printf 'build: %-38s' "$1" >&2; started=$SECONDS; }
done_() { printf ' %4d s\n' $((SECONDS - started)) >&2; }
fail() { printf '\nbuild: %s\n' "$*" >&2; exit 1; }

command -v aws > /dev/null || fail "the aws CLI is missing; bash scripts/setup.sh installs it in .venv."
look() { # SIGNS REASON COMMAND...: fails with the reason where the answer has one of the signs, else with the answer
  local signs=$1 reason=$2 answer
  answer=$("${@:3}" 2>&1 > /dev/null) && return
  [[ $answer =~ $signs ]] && fail "$reason"
  fail "AWS did not answer to ${*:3:3}: ${answer//$'\n'/ }"
}
look '\((403|404)\)' "bucket $bucket does not exist in $AWS_REGION, or you may not read it. Create it: aws s3 mb s3://$bucket" \
  aws s3api head-bucket --bucket "$bucket"
look NoSuchEntity "there is no IAM role $role; Studio's domain page names the role of its users." aws iam get-role --role-name "$role"

step "collect the project's code"
work=$(mktemp -d) # of this start alone: another may be publishing from the same files
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/build/project"
if git rev-parse --git-dir > /dev/null 2>&1; then
  git ls-files --cached --others --exclude-standard -z | while IFS= read -r -d '' file; do
    [ ! -f "$file" ] || printf '%s\0' "$file"
  done | tar --create --null --files-from=- | tar --extract --directory "$work/build/project"
else
  tar --create --exclude=./build --exclude=./.venv . | tar --extract --directory "$work/build/project"
fi
cp -R "$work/build/project/." "$work" # the templates package what stands beside them: only what belongs to the project
find "$work" -exec touch --no-dereference --date=@946684800 {} + # so that the same files make the same package
done_

step "package pipeline.yml and studio.yml"
for template in pipeline.yml studio.yml; do
  aws cloudformation package --template-file "$work/$template" --s3-bucket "$bucket" --s3-prefix "$stack/packages" \
    --output-template-file "$work/packaged-$template" > "$work/log" 2>&1 || fail "packaging $template failed: $(tail -n 3 "$work/log")"
done
done_

step "upload the template"
version=$(sha256sum "$work/packaged-pipeline.yml" | cut -c 1-16)
key=$stack/templates/pipeline-$version.yml
url=https://$bucket.s3.$AWS_REGION.amazonaws.com/$key
aws s3 cp --only-show-errors "$work/packaged-pipeline.yml" "s3://$bucket/$key" || fail "could not upload the template to s3://$bucket/$key"
done_

step "create or update stack $stack"
parameters=("ParameterKey=TemplateBucket,ParameterValue=$bucket" "ParameterKey=StudioRoleName,ParameterValue=$role")
status() { aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2> /dev/null; }
deploy() { # create-stack | update-stack
  aws cloudformation "$1" --stack-name "$stack" --template-body "file://$work/packaged-studio.yml" --capabilities CAPABILITY_NAMED_IAM \
    --parameters "${parameters[@]}" 2>&1
}
if [ "$(status)" = ROLLBACK_COMPLETE ]; then # a first create that failed cannot be updated
  aws cloudformation delete-stack --stack-name "$stack"
  while [ -n "$(status)" ]; do sleep 2; done
fi
if [ -z "$(status)" ]; then
  verb=create-stack
  parameters+=("ParameterKey=ProductTemplateUrl,ParameterValue=$url" "ParameterKey=TemplateVersion,ParameterValue=$version")
else # CloudFormation deletes a version that the template no longer lists: the stack keeps its first, further ones are added
  verb=update-stack
  parameters+=("ParameterKey=ProductTemplateUrl,UsePreviousValue=true" "ParameterKey=TemplateVersion,UsePreviousValue=true")
fi
if ! answer=$(deploy "$verb"); then
  [[ $answer == *"No updates are to be performed"* ]] || fail "$answer"
fi
while [[ $(status) == *IN_PROGRESS ]]; do sleep 1; done
case $(status) in
  CREATE_COMPLETE | UPDATE_COMPLETE) ;;
  *) fail "stack $stack is $(status): $(aws cloudformation describe-stack-events --stack-name "$stack" --output text \
      --query "StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId, ResourceStatusReason]")" ;;
esac
done_

step "offer version $version"
product=$(aws cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id Product \
  --query StackResourceDetail.PhysicalResourceId --output text) || fail "stack $stack has no product"
offered=$(aws servicecatalog list-provisioning-artifacts --product-id "$product" --output text \
  --query "ProvisioningArtifactDetails[?Name=='$version'].Id") || fail "could not list the versions of product $product"
if [ -z "$offered" ]; then
  aws servicecatalog create-provisioning-artifact --product-id "$product" --idempotency-token "$version" --parameters \
    "Name=$version,Description=pipeline.yml with this hash,Type=CLOUD_FORMATION_TEMPLATE,Info={LoadTemplateFromURL=$url}" \
    > /dev/null || fail "could not add version $version to product $product"
fi
done_
echo "build: done. Next: in Studio, create a project from the organization template (Projects, Create project)." >&2
