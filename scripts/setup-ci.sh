#!/usr/bin/env bash
# Installs the programs that the tests want and Debian has: nginx and Chromium. Says what is missing where it may not install.
# Usage: scripts/setup-ci.sh
set -uo pipefail

[ $# -eq 0 ] || { echo "usage: scripts/setup-ci.sh" >&2; exit 2; }
PATH=$PATH:/usr/sbin # Debian's place for nginx, which not every user's PATH has
missing=()
command -v nginx > /dev/null || missing+=(nginx-light)
command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null || missing+=(chromium)
[ "${#missing[@]}" -gt 0 ] || exit 0
# Only where nothing would start nginx as a service at once: in a container.
if [ "$(id -u)" -ne 0 ] || [ -d /run/systemd/system ] || ! command -v apt-get > /dev/null; then
  echo "setup-ci: missing: ${missing[*]} (on Debian: apt-get install ${missing[*]})" >&2
  exit 0
fi
echo "setup-ci: installing ${missing[*]}" >&2
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } > /dev/null ||
  echo "setup-ci: ${missing[*]} could not be installed, see above" >&2
