#!/usr/bin/env bash
# Asks CloudFormation whether it understands every template: AWS, or the endpoint that AWS_ENDPOINT_URL names.
# A template over 51,200 bytes goes through S3: through S3_BUCKET, or a bucket that is made for it and removed again.
# Usage: scripts/validate-tpl.sh [S3_BUCKET]
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -le 1 ] || { echo "usage: scripts/validate-tpl.sh [S3_BUCKET]" >&2; exit 2; }
fail() { echo "validate-tpl: $*" >&2; exit 1; }
[ -d .venv/bin ] && PATH="$PWD/.venv/bin:$PATH"
export AWS_PAGER=""
command -v aws > /dev/null || fail "the aws CLI is missing; bash scripts/setup.sh installs it in .venv."
account=$(aws sts get-caller-identity --query Account --output text) ||
  fail "no valid credentials. Set them and a region (and AWS_ENDPOINT_URL for an endpoint of your own)."

bucket=${1:-} made=""
trap '[ -z "$made" ] || aws s3 rb --force "s3://$made" > /dev/null || echo "validate-tpl: s3://$made remains: delete it" >&2' EXIT
address() { # FILE: uploads a template and sets url
  if [ -z "$bucket" ]; then
    bucket=validate-tpl-$account-$RANDOM$RANDOM
    aws s3 mb "s3://$bucket" > /dev/null
    made=$bucket
  fi
  aws s3 cp --only-show-errors "$1" "s3://$bucket/validate-tpl/$(basename "$1")"
  url=$(aws s3 presign "s3://$bucket/validate-tpl/$(basename "$1")" --expires-in 300)
}

status=0
for template in studio.yml pipeline.yml assets/*.yml; do
  started=$SECONDS verdict=ok source=(--template-body "file://$template")
  if [ "$(wc -c < "$template")" -gt 51200 ]; then
    address "$template"
    source=(--template-url "$url")
  fi
  aws cloudformation validate-template "${source[@]}" > /dev/null || { verdict=FAILED status=1; }
  if [ "${source[0]}" = --template-url ] && [ -z "$made" ]; then
    aws s3 rm --only-show-errors "s3://$bucket/validate-tpl/$(basename "$template")"
  fi
  printf 'validate-tpl: %-28s %-6s %3d s\n' "$template" "$verdict" $((SECONDS - started)) >&2
done
[ "$status" -ne 0 ] || echo "validate-tpl: all templates are valid. Next: scripts/build.sh publishes them." >&2
exit "$status"
