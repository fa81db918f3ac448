#!/usr/bin/env bash
# UCF-101 or HMDB-51 as in the paper: three splits, fine-tuned and evaluated.
#
#   launch/split_tables.sh DATASET VIDEOS_DIR ANNOTATIONS WEIGHTS FOLDER [NAME]
#       [-- FLAGS OF train.py]
#
# DATASET is ucf101 or hmdb51. ANNOTATIONS is the folder of its lists of splits.
# WEIGHTS is a data directory, whose checkpoints/{rgb,flow}_imagenet are taken, or
# one checkpoint for both streams, such as TF-slim's inception_v1.ckpt. For each
# split, the script writes
#
#   FOLDER/records_K            records, which all NAMEs share
#   FOLDER/NAME/split_K         networks and accuracies; default of NAME: full
#
# and at the end it prints a table of the three splits and their mean, beside the
# published figures. What follows -- goes to train.py after the flags below and
# overrides them. For the paper's "Fixed" (table 4):
#
#   launch/split_tables.sh ... FOLDER fixed -- --train_only=Logits
#
# The same command continues a run that was interrupted. The exit status is 2 if
# videos could not be used. SPLITS="1" takes one split only. PYTHON names the
# interpreter; default: the one of .venv, else python3.
#
# The paper says "up to 5k steps" on 16 GPUs and that the rate was lowered when
# the validation loss saturated. The number of clips in a step, the rate and the
# steps at which it falls are our choice: 16 gradients of 6 clips, and the rate of
# the published recipe times 16 / 64.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
arguments=()
while (($#)) && [[ $1 != -- ]]; do
  arguments+=("$1")
  shift
done
train_flags=("${@:2}")
set -- "${arguments[@]}"
# shellcheck source=../demo/script_flags.sh
. "$here/demo/script_flags.sh"
if (($# < 5 || $# > 6)) || [[ $1 != ucf101 && $1 != hmdb51 ]]; then
  usage >&2
  echo "error: five or six arguments are needed, the first ucf101 or hmdb51" >&2
  exit 1
fi
dataset=$1 videos=$2 annotations=$3 weights=$4 folder=$5 name=${6:-full}
status=0

# preprocess SPLIT: writes the records of a split.
preprocess() {
  local result=0
  "$python" "$here/preprocess_videos.py" --dataset="$dataset" \
    --videos_dir="$videos" --annotations="$annotations" --split_number="$1" \
    --output_dir="$folder/records_$1" || result=$?
  ((result == 0 || result == 2)) || exit "$result"
  ((result == 0)) || status=$result
}

# train SPLIT STREAM: fine-tunes a network, and puts it beside the other one.
train() {
  local split=$folder/$name/split_$1 start=$weights
  if [[ -d $weights ]]; then
    start=$weights/checkpoints/$2_imagenet/model.ckpt
  fi
  "$python" "$here/train.py" --stream="$2" --records_dir="$folder/records_$1" \
    --train_dir="$split/$2" --init_checkpoint="$start" --max_steps=5000 \
    --learning_rates=0:0.025,3000:0.0025,4500:0.00025 \
    --replicas_to_aggregate=16 --batch_size=6 "${train_flags[@]}"
  mkdir -p "$split/networks"
  cp -r "$split/$2/export/"{checkpoints,label_map.txt,parameters.json} \
    "$split/networks"
}

for number in ${SPLITS:-1 2 3}; do
  preprocess "$number"
  for stream in rgb flow; do
    train "$number" $stream
  done
  "$python" "$here/evaluate_split.py" --split=test \
    --data_dir="$folder/$name/split_$number/networks" \
    --records_dir="$folder/records_$number" \
    --output_dir="$folder/$name/split_$number/evaluation" >&2
done

"$python" "$here/launch/split_table.py" --dataset="$dataset" \
  --folder="$folder/$name"
if ((status)); then
  echo "videos could not be used: see $folder/records_*/failures.jsonl" >&2
fi
exit "$status"
