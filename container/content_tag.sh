#!/usr/bin/env bash
# Print the tag that stands for a target's content: container/content_tag.sh TARGET
# The first 40 hex digits of a sha256 over the Dockerfile and the files that the target copies.
set -euo pipefail

case "${1:-}" in
  model) folder=container ;;
  api) folder=api ;;
  *) echo "usage: container/content_tag.sh TARGET   (model or api)" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
{ echo "$1"; echo container/Dockerfile; find "$folder" -type f ! -name '*.pyc'; } |
  LC_ALL=C sort -u |
  while IFS= read -r file; do
    echo "$file"
    if [ -f "$file" ]; then sha256sum <"$file"; fi
  done |
  sha256sum | cut -c1-40
