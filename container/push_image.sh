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
docker push "$uri" >&2
digest="$(aws ecr describe-images --repository-name "$repository" --image-ids imageTag="$tag" \
  --query 'imageDetails[0].imageDigest' --output text)"
if [[ "$digest" != sha256:* ]]; then
  echo "$uri was pushed, but ECR shows no digest for it: $digest" >&2
  exit 1
fi
echo "$repository_uri@$digest"
