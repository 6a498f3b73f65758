#!/usr/bin/env bash
# Print a target's image by digest, built and pushed first when it is not there yet: model/image.sh TARGET REPOSITORY_URI
set -euo pipefail

if [ "$#" -ne 2 ]; then
  echo "usage: model/image.sh TARGET REPOSITORY_URI   (TARGET is model or api)" >&2
  exit 2
fi

tag="$(bash container/content_tag.sh "$1")"
image="$(python model/run_pipeline.py image "$1" "$tag")"
if [ -z "$image" ]; then
  bash container/build_image.sh "$1" "$2:$tag" >&2
  image="$(bash container/push_image.sh "$2:$tag")"
fi
echo "$1 image: $image" >&2
echo "$image"
