#!/usr/bin/env bash
# Takes the README's pictures anew: a whole life of a project on the console's page, some minutes long, whose screens go to docs/pictures.
# Usage: scripts/pictures.sh
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -eq 0 ] || { echo "usage: scripts/pictures.sh" >&2; exit 2; }
bash scripts/setup.sh
bash scripts/setup-ci.sh
# shellcheck source=scripts/environment.sh
. scripts/environment.sh
environment console-test requirements/console.txt requirements/console-test.txt
build/env/console-test/bin/python -m pytest tests/console/test_whole_life.py
for name in project approval release watch; do cp "build/screenshots/screen-$name.png" "docs/pictures/$name.png"; done
echo "pictures: docs/pictures is new. Next: look at them, then commit." >&2
