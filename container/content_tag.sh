#!/usr/bin/env bash
# Print the tag that stands for a target's content: container/content_tag.sh TARGET
# The first 40 hex digits of a sha256 over the Dockerfile, the context's rules and every file that the target may copy.
set -euo pipefail

case "${1:-}" in
  model) folder=container ;;
  api) folder=api ;;
  *) echo "usage: container/content_tag.sh TARGET   (model or api)" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
# What .dockerignore leaves out is no content: scripts, READMEs, hidden and compiled files.
{
  echo "$1"
  printf '%s\n' .dockerignore container/Dockerfile
  find "$folder" -name '.*' -prune -o -name __pycache__ -prune -o \
    \( -type f -o -type l \) ! -name '*.pyc' ! -name '*.md' ! -name '*.sh' -print
} |
  LC_ALL=C sort -u |
  while IFS= read -r file; do
    echo "$file"
    if [ -x "$file" ]; then echo executable; fi
    if [ -f "$file" ]; then sha256sum <"$file"; fi
  done |
  sha256sum | cut -c1-40
