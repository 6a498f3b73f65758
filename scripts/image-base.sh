#!/usr/bin/env bash
# Makes a stand-in for the images' base where it cannot be pulled: Debian with its Python, imported into podman under
# the name in the Dockerfile's FROM. For tests of the images on a machine that reaches no registry; nothing to deploy.
# Usage: scripts/image-base.sh NAME:TAG
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: scripts/image-base.sh NAME:TAG" >&2; exit 2; }
fail() { echo "image-base: $*" >&2; exit 1; }

command -v podman > /dev/null || fail "podman is missing; on Debian: apt-get install podman"
command -v debootstrap > /dev/null || fail "debootstrap is missing; on Debian: apt-get install debootstrap"
[ "$(id -u)" -eq 0 ] || fail "debootstrap must run as root; run this again with sudo"

release=trixie # the Debian of python:3.13-slim; its own Python is 3.13, too
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "image-base: debootstrap $release, about a minute" >&2
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$release" "$folder/system" > "$folder/log" 2>&1 ||
  fail "debootstrap failed: $(tail -n 3 "$folder/log")"
# As in the image that it stands for: python and pip of their own in /usr/local, which Debian's packages do not touch.
chroot "$folder/system" python3 -m venv /usr/local
rm -rf "$folder"/system/var/cache/apt/archives/*.deb "$folder"/system/var/lib/apt/lists/*
tar --directory "$folder/system" --create . |
  podman import --quiet --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'LABEL stand-in=debootstrap' - "$1" > /dev/null
echo "image-base: $1 is in podman's storage" >&2
