#!/usr/bin/env bash
# Runs the image's programs without Docker, on a folder that stands for /opt/ml; what the folder holds already is used:
# processing/input/data/train/*.csv, processing/input/config/config.json, input/config/hyperparameters.json.
# Usage: container/local_test.sh train|serve [FOLDER]
#        container/local_test.sh predict [FILE.csv|.json|.jsonl]      asks the server that serve started
# FOLDER is build/local-test, SAGEMAKER_BIND_TO_PORT 8080; PYTHON names a python that has container/requirements.txt.
set -euo pipefail

usage() { sed -n 's/^# \(Usage:\)/\1/p; s/^#  \{6,\}/       /p' "$0" >&2; exit 2; }
fail() { echo "local_test: $*" >&2; exit 1; }

[ $# -ge 1 ] && [ $# -le 2 ] || usage
program=$1 given=${2:+$(realpath -m "$2")}
cd "$(dirname "$0")/.."
folder=$PWD/build/local-test
[ "$program" = predict ] || folder=${given:-$folder}
port=${SAGEMAKER_BIND_TO_PORT:-8080}

image_python() { # sets python; makes the environment that scripts/test.sh has, too, when there is none
  python=${PYTHON:-build/env/image/bin/python}
  [ -z "${PYTHON:-}" ] && [ ! -x "$python" ] || return 0
  bash scripts/setup.sh
  echo "local_test: installing container/requirements.txt into build/env/image" >&2
  .venv/bin/python -m uv venv --quiet --python .venv/bin/python build/env/image
  .venv/bin/python -m uv pip install --quiet --python "$python" --requirement container/requirements.txt
}

run() { SAGEMAKER_BASE_DIR=$folder "$python" -m container "$@"; }

fill() { # FILE COMMAND...: the sample's content for a file that the folder lacks
  local file=$folder/$1
  [ ! -e "$file" ] || return 0
  mkdir -p "$(dirname "$file")"
  "${@:2}" > "$file"
}

hand_on() { # OUTPUT INPUT: as the workflow does through S3
  mkdir -p "$(dirname "$folder/$2")"
  cp "$folder/processing/output/$1" "$folder/$2"
}

train() {
  compgen -G "$folder/processing/input/data/train/*.csv" > /dev/null || fill processing/input/data/train/churn.csv head -n 3334 data/churn.csv
  fill processing/input/config/config.json echo '{"problem": {"type": "binary", "target": "churn", "positive": "yes"}, "data": {"seed": 42}}'
  fill input/config/hyperparameters.json echo '{"estimator": "HistGradientBoosting"}'
  run prepare
  hand_on train/train.csv input/data/train/train.csv
  hand_on validation/validation.csv input/data/validation/validation.csv
  hand_on schema/schema.json input/data/schema/schema.json
  run train
  hand_on test/test.csv processing/input/test/test.csv
  mkdir -p "$folder/processing/input/model"
  tar -czf "$folder/processing/input/model/model.tar.gz" -C "$folder/model" .
  run evaluate
  echo "local_test: the model is in $folder/model. Next: container/local_test.sh serve${given:+ $given}" >&2
}

serve() {
  [ -e "$folder/model" ] || fail "$folder/model is missing. Run container/local_test.sh train, or unpack a model archive there."
  echo "local_test: serving on http://127.0.0.1:$port. Next, in another shell: container/local_test.sh predict" >&2
  SAGEMAKER_BASE_DIR=$folder SAGEMAKER_BIND_TO_HOST=127.0.0.1 SAGEMAKER_BIND_TO_PORT=$port exec "$python" -m container serve
}

predict() {
  local file=${given:-$folder/processing/output/golden/golden.csv} type
  [ -f "$file" ] || fail "$file is missing; name a file with rows, or run container/local_test.sh train."
  case "$file" in
    *.csv) type=text/csv ;; *.json) type=application/json ;; *.jsonl) type=application/jsonlines ;;
    *) fail "$file must end in .csv, .json or .jsonl" ;;
  esac
  curl --silent --fail "http://127.0.0.1:$port/ping" || fail "no healthy server on port $port. Run container/local_test.sh serve."
  curl --silent --show-error --fail-with-body --header "Content-Type: $type" --header 'Accept: application/jsonlines' \
    --data-binary "@$file" "http://127.0.0.1:$port/invocations"
}

case "$program" in
  train | serve) image_python; "$program" ;;
  predict) predict ;;
  *) usage ;;
esac
