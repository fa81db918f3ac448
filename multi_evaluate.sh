#!/usr/bin/env bash
# Evaluates the sample with every combination of stream and initialization.
#
#   ./multi_evaluate.sh [DATA_DIR [OUT_DIR]]
#
# The defaults are the folders data and out beside this script. The script writes
# OUT_DIR/{imagenet,no_imagenet}_{rgb,flow,joint}.txt, and no_imagenet_rgb600.txt
# for the Kinetics-600 checkpoint. If DATA_DIR lacks the checkpoints of a
# combination, that one is left out, and a line on standard error says so. The
# first failure ends the run. A link in place of a file is replaced by the file;
# a folder, a FIFO and the like are refused.
#
# The environment variable PYTHON names the interpreter. Without it, the script
# takes .venv/bin/python beside it, or python3 if there is none.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=demo/script_flags.sh
. "$here/demo/script_flags.sh"
data_dir=${1:-$here/data}
out_dir=${2:-$here/out}

# has NAME...: succeeds if DATA_DIR has all of these checkpoints.
has() {
  local name
  for name in "$@"; do
    [[ -f $data_dir/checkpoints/$name/model.ckpt.index ]] || return 1
  done
}

# evaluate FILE CHECKPOINTS FLAGS...: evaluates the sample, and writes what is
# printed to OUT_DIR/FILE. The file appears complete or not at all: the text goes
# to a temporary file with a random name, which is then renamed. mktemp lets only
# the user read that file, so the permissions that the umask allows are added.
evaluate() {
  local file=$1 checkpoints=$2 output
  shift 2
  # shellcheck disable=SC2086  # CHECKPOINTS is a list of names.
  if ! has $checkpoints; then
    echo "left out $file: $data_dir/checkpoints lacks one of: $checkpoints" >&2
    return
  fi
  # mv would replace a FIFO or a device.
  if [[ -e $out_dir/$file && ! -f $out_dir/$file ]]; then
    echo "error: $out_dir/$file: is not a regular file; remove it" >&2
    exit 1
  fi
  echo "evaluating $file" >&2
  output=$("$python" "$here/evaluate_sample.py" --data_dir="$data_dir" "$@")
  # A run that was killed before its mv has left its temporary file.
  find "$out_dir" -maxdepth 1 -name ".$file.??????" -mmin +60 -delete
  temporary=$(mktemp "$out_dir/.$file.XXXXXX")
  printf '%s\n' "$output" > "$temporary"
  chmod +rw "$temporary"
  sync "$temporary"
  mv -T "$temporary" "$out_dir/$file"  # Never into a folder.
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
