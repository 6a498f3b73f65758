#!/usr/bin/env bash
# Push an image to ECR and print it by digest: container/push_image.sh IMAGE_URI
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

aws ecr get-login-password | docker login --username AWS --password-stdin "$host" >&2
# Tags are immutable and name their content: where a push is refused, another build may have pushed this very image.
docker push "$uri" >&2 || echo "the push was refused; asking ECR whether the tag is there" >&2
digest="$(aws ecr describe-images --repository-name "$repository" --image-ids imageTag="$tag" \
  --query 'imageDetails[0].imageDigest' --output text)"
if [[ "$digest" != sha256:* ]]; then
  echo "$uri is not in ECR: $digest" >&2
  exit 1
fi
echo "$repository_uri@$digest"
