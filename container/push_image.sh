#!/usr/bin/env bash
# Push an image to ECR and print it by digest: container/push_image.sh IMAGE_URI
# A repository that is missing is created, where the caller may: tags immutable, scanned on push.
set -euo pipefail

if [ "$#" -ne 1 ] || [[ "$1" != */*:* ]]; then
  echo "usage: container/push_image.sh HOST/REPOSITORY:TAG" >&2
  exit 2
fi

uri="$1"
tag="${uri##*:}"
repository_uri="${uri%:*}"
host="${repository_uri%%/*}"
repository="${repository_uri#*/}"

pushed_digest() {
  aws ecr describe-images --repository-name "$repository" --image-ids imageTag="$tag" \
    --query 'imageDetails[0].imageDigest' --output text
}

# The project's own repositories come with its stack: only who pushes elsewhere needs the right to create one.
if ! answer="$(pushed_digest 2>&1)" && [[ "$answer" == *RepositoryNotFoundException* ]]; then
  echo "repository $repository is missing; creating it" >&2
  aws ecr create-repository --repository-name "$repository" --image-tag-mutability IMMUTABLE \
    --image-scanning-configuration scanOnPush=true >/dev/null || {
    echo "repository $repository is missing and could not be created, see above; create it or ask who may, then repeat" >&2
    exit 1
  }
fi

tool=docker
docker version >/dev/null 2>&1 || tool=podman # as in build_image.sh
aws ecr get-login-password | "$tool" login --username AWS --password-stdin "$host" >&2
# Tags are immutable and name their content: where a push is refused, another build may have pushed this very image.
"$tool" push "$uri" >&2 || echo "the push was refused; asking ECR whether the tag is there" >&2
digest="$(pushed_digest)"
if [[ "$digest" != sha256:* ]]; then
  echo "$uri is not in ECR: $digest" >&2
  exit 1
fi
echo "$repository_uri@$digest"
