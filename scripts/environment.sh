#!/usr/bin/env bash
# Makes environments below build/env; to be sourced at the repository's root, after scripts/setup.sh.
# Each requirements file is resolved on its own, so programs with their own file run in their own environment.

environment() { # NAME REQUIREMENTS...: makes build/env/NAME with the files' packages; fast when nothing changed
  # INTERPRETER names another Python than .venv's, for packages that do not take it.
  local name=$1 folder=build/env/$1 wanted arguments=()
  shift
  for file in "$@"; do arguments+=(--requirement "$file"); done
  wanted=$(cat "$@")
  [ "$(cat "$folder/installed" 2> /dev/null)" != "$wanted" ] || return 0
  echo "$(basename "$0" .sh): installing $name" >&2
  rm -rf "$folder"
  .venv/bin/python -m uv venv --quiet --python "${INTERPRETER:-.venv/bin/python}" "$folder" &&
    .venv/bin/python -m uv pip install --quiet --compile-bytecode --python "$folder/bin/python" "${arguments[@]}" &&
    echo "$wanted" > "$folder/installed"
}
