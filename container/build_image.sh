#!/usr/bin/env bash
# Build one image of container/Dockerfile: container/build_image.sh TARGET IMAGE_URI
# With docker where its daemon answers, else with podman. BUILD_OPTIONS holds further words for either.
set -euo pipefail

if [ "$#" -ne 2 ]; then
  echo "usage: container/build_image.sh TARGET IMAGE_URI   (TARGET is model or api)" >&2
  exit 2
fi

cd "$(dirname "$0")/.."
read -ra options <<<"${BUILD_OPTIONS:-}"
if docker version >/dev/null 2>&1; then
  # SageMaker and Lambda refuse manifests with attestations.
  tool=(docker build --provenance=false --sbom=false)
elif command -v podman >/dev/null; then
  # Docker's own manifest: OCI's knows no health check.
  tool=(podman build --format docker --layers)
else
  echo "build_image.sh: neither docker (with a daemon that answers) nor podman is here; on Debian: apt-get install podman" >&2
  exit 1
fi
"${tool[@]}" --platform linux/amd64 ${options[@]+"${options[@]}"} \
  --target "$1" --file container/Dockerfile --tag "$2" .
