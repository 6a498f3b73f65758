#!/usr/bin/env bash
# Builds both images of container/Dockerfile and runs prepare, train, evaluate, serve and a prediction inside them.
# Needs docker with a daemon that answers, or podman. Exit 0 passed, 1 failed, 2 misused, 3 cannot be tried here.
# Usage: scripts/test-images.sh
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -eq 0 ] || { echo "usage: scripts/test-images.sh" >&2; exit 2; }
fail() { echo "test-images: $*" >&2; exit 1; }
missing() { echo "test-images: not tried: $*" >&2; exit 3; }
ok() { printf 'test-images: %-52s ok %4d s\n' "$1" $((SECONDS - started)) >&2; started=$SECONDS; }
started=$SECONDS

base=$(sed -n 's/^FROM \(.*\) AS base$/\1/p' container/Dockerfile)
model=ml-delivery-model:test api=ml-delivery-api:test
folder=$PWD/build/images/ml log=build/images/log
mkdir -p build/images

choose_engine() { # sets engine (the command that runs images) and BUILD_OPTIONS
  if docker version > /dev/null 2>&1; then
    engine=(docker)
  elif command -v podman > /dev/null; then
    engine=(podman)
    # Plain processes with this machine's network: what works in a virtual machine or container without further rights.
    [ "$(id -u)" -ne 0 ] || ! command -v runc > /dev/null || engine+=(--runtime runc --cgroup-manager cgroupfs)
    export BUILDAH_ISOLATION=chroot
    BUILD_OPTIONS="--network host --pull=never"
    trust_as_here
  else
    missing "neither docker with a daemon that answers nor podman is here." \
      "On Debian: apt-get install podman runc debootstrap. Then run this again."
  fi
  export BUILD_OPTIONS
}

trust_as_here() { # the machine's own certificates and pip settings, mounted: no image keeps them
  local certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt} file
  [ ! -f "$certificates" ] ||
    BUILD_OPTIONS+=" --volume $certificates:/etc/ssl/certs/ca-certificates.crt:ro"
  for file in "${PIP_CONFIG_FILE:-}" /etc/pip.conf "$HOME/.config/pip/pip.conf"; do
    if [ -f "$file" ]; then BUILD_OPTIONS+=" --volume $file:/etc/pip.conf:ro"; break; fi
  done
}

have_base() { # pulled, or made from Debian where nothing can be pulled
  if "${engine[@]}" image inspect "$base" > /dev/null 2>&1 || "${engine[@]}" pull "$base" > "$log" 2>&1; then return; fi
  [ "${engine[0]}" = podman ] || missing "$base cannot be pulled: $(tail -n 1 "$log")"
  command -v debootstrap > /dev/null || missing "$base cannot be pulled; apt-get install debootstrap lets me make a stand-in"
  [ "$(id -u)" -eq 0 ] || missing "$base cannot be pulled, and only root can make a stand-in for it (scripts/image-base.sh $base)"
  bash scripts/image-base.sh "$base"
}

build() { # TARGET IMAGE
  bash container/build_image.sh "$1" "$2" > "$log" 2>&1 || fail "$1 could not be built: $(tail -n 15 "$log")"
  ok "build $1 ($("${engine[@]}" image inspect --format '{{.Size}}' "$2" | awk '{printf "%d MB", $1 / 1e6}'))"
}

in_image() { # OPTIONS... IMAGE ARGUMENTS...: runs to its end
  "${engine[@]}" run --rm --network host --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 "$@"
}

program() { # NAME ARGUMENTS...: one of the model image's programs, with this machine's folder as /opt/ml
  in_image --volume "$folder:/opt/ml" "$model" "$@" > "$log" 2>&1 || fail "$* failed in the image: $(tail -n 15 "$log")"
  ok "$*"
}

hand() { # FROM TO: what the workflow hands on through S3
  mkdir -p "$(dirname "$folder/$2")"
  cp "$folder/$1" "$folder/$2"
}

has_no_leftovers() { # IMAGE: no compiler, no cache of pip or apt
  # shellcheck disable=SC2016 # the image's shell expands it
  in_image --entrypoint sh "$1" -c '! command -v gcc cc g++ c++ clang make ld && [ ! -e ~root/.cache ] && [ ! -e /wheels/*.whl ] &&
    [ -z "$(ls /var/lib/apt/lists)" ]' > "$log" 2>&1 || fail "$1 holds a compiler or a cache: $(cat "$log")"
  ok "no compiler and no cache in $1"
}

trains() { # prepare, train and evaluate, as the workflow runs them
  rm -rf "$folder"
  mkdir -p "$folder"/processing/input/{data/train,config}
  head -n 3334 data/churn.csv > "$folder/processing/input/data/train/churn.csv"
  echo '{"problem": {"type": "binary", "target": "churn", "positive": "yes"}, "data": {"seed": 42}}' \
    > "$folder/processing/input/config/config.json"
  program prepare
  hand processing/output/train/train.csv input/data/train/train.csv
  hand processing/output/validation/validation.csv input/data/validation/validation.csv
  hand processing/output/schema/schema.json input/data/schema/schema.json
  program train
  [ -s "$folder/model/model.onnx" ] || fail "train wrote no model.onnx: $(cat "$log")"
  hand processing/output/test/test.csv processing/input/test/test.csv
  mkdir -p "$folder/processing/input/model"
  tar --directory "$folder/model" --create --gzip --file "$folder/processing/input/model/model.tar.gz" .
  program evaluate
  [ -s "$folder/processing/output/evaluation/evaluation.json" ] || fail "evaluate wrote no evaluation.json"
}

server="" # the container that serves, ended by its id whatever happens
trap '[ -z "$server" ] || "${engine[@]}" rm --force "$server" > /dev/null 2>&1 || true' EXIT

serves() { # WHO OPTIONS...: a server answers, says that it is healthy, and stops when it is told to
  local who=$1 port answer=""
  shift
  port=$(python3 -c 'import socket; taken = socket.socket(); taken.bind(("127.0.0.1", 0)); print(taken.getsockname()[1])')
  # Without a timer of the engine's for the health check, which podman takes from systemd: it is run by hand below.
  server=$("${engine[@]}" run --detach --no-healthcheck --network host --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 "$@" \
    --env SAGEMAKER_BIND_TO_HOST=127.0.0.1 --env SAGEMAKER_BIND_TO_PORT="$port" --env MODEL_RUN=test \
    --volume "$folder/model:/opt/ml/model:ro" "$model" serve)
  for _ in $(seq 150); do
    if answer=$(curl --silent --fail --noproxy '*' "http://127.0.0.1:$port/ping" 2>&1); then break; fi
    sleep 0.2
  done
  answer=$(sed 1d data/churn.csv | head -n 2 | cut -d , -f 1-19 | curl --silent --show-error --noproxy '*' \
    --header 'Content-Type: text/csv' --data-binary @- "http://127.0.0.1:$port/invocations" 2>&1) || true
  [[ $answer == *'"label"'*'"label"'* ]] || fail "no prediction as $who: $answer; $("${engine[@]}" logs "$server" 2>&1 | tail -n 15)"
  "${engine[@]}" exec "$server" python -m container.health || fail "the health check fails while the server answers"
  "${engine[@]}" stop --time 10 "$server" > /dev/null
  "${engine[@]}" rm "$server" > /dev/null
  server=""
  ok "serve and predict as $who"
}

choose_engine
have_base
ok "base $base with ${engine[0]}"
build model "$model"
build api "$api"
has_no_leftovers "$model"
has_no_leftovers "$api"
in_image --entrypoint nginx "$model" -v > "$log" 2>&1 || fail "the model image has no nginx: $(cat "$log")"
trains
serves root
serves program --user 10001
in_image --entrypoint python "$api" -c 'import os, awslambdaric.bootstrap, api.handler; assert os.getuid() == 10001' > "$log" 2>&1 ||
  fail "the API image cannot load its handler: $(tail -n 15 "$log")"
ok "the API's handler loads, without root"
echo "test-images: all well" >&2
