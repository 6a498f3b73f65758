#!/usr/bin/env bash
# Build one image of container/Dockerfile: container/build_image.sh TARGET IMAGE_URI
set -euo pipefail

if [ "$#" -ne 2 ]; then
  echo "usage: container/build_image.sh TARGET IMAGE_URI   (TARGET is model or api)" >&2
  exit 2
fi

cd "$(dirname "$0")/.."
# SageMaker and Lambda refuse manifests with attestations.
docker build --platform linux/amd64 --provenance=false --sbom=false \
  --target "$1" --file container/Dockerfile --tag "$2" .
