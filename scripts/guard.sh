#!/usr/bin/env bash
# Holds templates to the house's rules (tests/templates/house.guard) with cfn-guard, which it gets from npm into build/env/guard.
# Usage: scripts/guard.sh [TEMPLATE...]      without any: all of the repository's. Exit 3: npm is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

package=@cdklabs/cdk-validator-cfnguard version=0.0.62 # it carries cfn-guard 3.1.1 for these machines
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=ubuntu/x86_64 ;;
  Linux-aarch64) platform=ubuntu/aarch64 ;;
  Darwin-x86_64) platform=macos/x86_64 ;;
  Darwin-arm64) platform=macos/aarch64 ;;
  *) echo "guard: npm has no cfn-guard for $(uname -s) on $(uname -m); check the rules on Linux or macOS." >&2; exit 1 ;;
esac
guard=build/env/guard/$version/package/bin/$platform/cfn-guard
if [ ! -x "$guard" ]; then
  command -v npm > /dev/null || { echo "guard: npm is missing (on Debian: apt-get install npm). Install it and run this again." >&2; exit 3; }
  echo "guard: getting $package $version" >&2
  rm -rf "build/env/guard/$version"
  mkdir -p "build/env/guard/$version"
  npm pack --silent --pack-destination "build/env/guard/$version" "$package@$version" > /dev/null
  tar -xzf "build/env/guard/$version"/*.tgz -C "build/env/guard/$version" package/bin package/LICENSE
  rm "build/env/guard/$version"/*.tgz
fi

templates=("$@")
[ $# -gt 0 ] || templates=(studio.yml pipeline.yml assets/*.yml)
data=()
for template in "${templates[@]}"; do data+=(--data "$template"); done
"$guard" validate --rules tests/templates/house.guard "${data[@]}"
