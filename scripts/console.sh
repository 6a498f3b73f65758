#!/usr/bin/env bash
# Starts the console, the page of a project, with the credentials and region of the environment, or for the local AWS with its AWS_ENDPOINT_URL.
# Usage: scripts/console.sh [--project NAME] [--port 4580]
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh
# shellcheck source=scripts/environment.sh
. scripts/environment.sh
environment console requirements/console.txt
exec build/env/console/bin/python -m console "$@"
