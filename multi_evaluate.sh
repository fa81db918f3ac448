#!/usr/bin/env bash
# Evaluates the sample with every combination of stream and initialization.
#
#   ./multi_evaluate.sh [DATA_DIR [OUT_DIR]]      default: data and out, here
#
# Writes OUT_DIR/{imagenet,no_imagenet}_{rgb,flow,joint}.txt, and
# no_imagenet_rgb600.txt where DATA_DIR has the Kinetics-600 checkpoint. A
# combination whose checkpoints DATA_DIR lacks is left out, and said so. The
# first failure ends the run. PYTHON names the interpreter; default: the one of
# .venv where there is one, else python3.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data_dir=${1:-$here/data}
out_dir=${2:-$here/out}
python=$here/.venv/bin/python
[[ -x $python ]] || python=python3
python=${PYTHON:-$python}

# Whether DATA_DIR has every checkpoint named.
has() {
  local name
  for name in "$@"; do
    [[ -f $data_dir/checkpoints/$name/model.ckpt.index ]] || return 1
  done
}

# evaluate FILE CHECKPOINTS FLAGS...: writes OUT_DIR/FILE whole or not at all.
# The temporary file has a name that nobody can guess (mktemp), exists for a
# moment only, and gets the permissions that the umask allows.
evaluate() {
  local file=$1 checkpoints=$2 output
  shift 2
  # shellcheck disable=SC2086  # a list of names
  if ! has $checkpoints; then
    echo "left out $file: $data_dir/checkpoints lacks one of: $checkpoints" >&2
    return
  fi
  echo "evaluating $file" >&2
  output=$("$python" "$here/evaluate_sample.py" --data_dir="$data_dir" "$@")
  # Left by a run that was killed in that moment.
  find "$out_dir" -maxdepth 1 -name ".$file.??????" -mmin +60 -delete
  temporary=$(mktemp "$out_dir/.$file.XXXXXX")
  printf '%s\n' "$output" > "$temporary"
  chmod +rw "$temporary"
  sync "$temporary"
  mv "$temporary" "$out_dir/$file"
  written=$((written + 1))
}

written=0
temporary=
trap '[[ -z $temporary ]] || rm -f "$temporary"' EXIT
mkdir -p "$out_dir"

for initialization in imagenet no_imagenet; do
  flag=--${initialization/no_/no}_pretrained
  name=${initialization/no_imagenet/scratch}
  for stream in rgb flow; do
    evaluate "${initialization}_$stream.txt" "${stream}_$name" \
      --eval_type="$stream" "$flag"
  done
  evaluate "${initialization}_joint.txt" "rgb_$name flow_$name" \
    --eval_type=joint "$flag"
done
evaluate no_imagenet_rgb600.txt rgb_scratch_kin600 \
  --eval_type=rgb600 --noimagenet_pretrained

if ((written == 0)); then
  echo "error: $data_dir has no checkpoints to evaluate; see data/README.md" >&2
  exit 1
fi
