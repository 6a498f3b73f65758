#!/usr/bin/env bash
# Runs the image's programs without Docker, on a folder that stands for /opt/ml. What to learn is said by the folder's
# config.yml, by its processing/input/config/config.json and input/config/hyperparameters.json without one, or else by
# model/config.yml; the data are processing/input/data/{train,validation,test,baseline}/*.csv, or else the sample.
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

set_up() { [ -x .venv/bin/python ] || env -u PYTHON bash scripts/setup.sh; }

image_python() { # sets python; makes the environment that scripts/test.sh has, too
  python=${PYTHON:-build/env/image/bin/python}
  [ -z "${PYTHON:-}" ] || return 0
  set_up
  # shellcheck source=scripts/environment.sh
  . scripts/environment.sh
  environment image container/requirements.txt requirements/pytest.txt
}

run() { SAGEMAKER_BASE_DIR=$folder "$python" -m container "$@"; }

configure() { # from config.yml, as the pipeline's build does
  local config=model/config.yml
  if [ -e "$folder/config.yml" ]; then
    config=$folder/config.yml
  elif [ -n "$given" ] && [ -e "$folder/processing/input/config/config.json" ]; then
    return 0
  fi
  set_up
  .venv/bin/python -m model.local_config "$config" "$folder"
}

bring_data() { # the sample's, where there are no others
  local data=$folder/processing/input/data/train
  [ ! -e "$data" ] || return 0
  mkdir -p "$data"
  head -n 3334 data/churn.csv > "$data/churn.csv"
}

hand_on() { # OUTPUT INPUT: as the workflow does through S3
  mkdir -p "$(dirname "$folder/$2")"
  cp "$folder/processing/output/$1" "$folder/$2"
}

train() {
  bring_data
  configure
  run prepare
  hand_on train/train.csv input/data/train/train.csv
  hand_on validation/validation.csv input/data/validation/validation.csv
  hand_on schema/schema.json input/data/schema/schema.json
  run train
  hand_on test/test.csv processing/input/test/test.csv
  mkdir -p "$folder/processing/input/model"
  tar -czf "$folder/processing/input/model/model.tar.gz" -C "$folder/model" .
  run evaluate
  echo "local_test: what the model is worth is in $folder/processing/output/evaluation: evaluation.json, report.html" >&2
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
