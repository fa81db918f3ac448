#!/usr/bin/env bash
# Retrains everything under data/ from nothing: videos -> records -> training.
#
#   demo/train_demo.sh [FOLDER [DATA_DIR]]   default: /tmp/i3d_demo data
#
# Takes one to two hours on two cores, and 1.1 GB in FOLDER. The same command
# continues a run that was interrupted. PYTHON names the interpreter; default:
# the one of .venv, else python3.
#
# The published recipe in small: a quarter of the channels, clips of 16 frames,
# 3 + 1 replicas of 4 clips instead of 64 + 4 of 6, and a schedule of 400 or,
# from trained filters, 300 steps that falls twice by a factor of 10. The rate is
# lower, fewer features are dropped, and BatchNorm forgets faster, as the runs
# are short.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=script_flags.sh
. "$here/demo/script_flags.sh"
folder=${1:-/tmp/i3d_demo}
data=${2:-$here/data}

# Whoever may write to /tmp could have put links where this is about to write.
if [[ (-e $folder || -L $folder) && $(stat -c %u "$folder") != $(id -u) ]]; then
  echo "error: $folder: belongs to somebody else; name another folder" >&2
  exit 1
fi

"$python" "$here/demo/synthetic_ssv2.py" --output_dir="$folder/ssv2" \
  --max_seconds=3 --num_validation=85

"$python" "$here/preprocess_ssv2.py" --splits=train,validation,test --fps=8 \
  --videos_dir="$folder/ssv2/20bn-something-something-v2" \
  --labels_dir="$folder/ssv2/labels" --output_dir="$folder/records"

"$python" "$here/demo/pretrain_images.py" \
  --output="$folder/inception_v1/model.ckpt"

# train STREAM START MAX_STEPS LEARNING_RATES FLAGS...
train() {
  local name=$1_$2
  "$python" "$here/launch/local.py" --num_workers=3 --num_backup=1 -- \
    --stream="$1" --max_steps="$3" --learning_rates="$4" \
    --records_dir="$folder/records" --train_dir="$folder/$name" \
    --depth_multiplier=0.25 --num_frames=16 --batch_size=4 \
    --dropout_keep_prob=0.8 --batch_norm_decay=0.99 --checkpoint_seconds=60 \
    "${@:5}"
  mkdir -p "$data"
  cp -r "$folder/$name/export/"{checkpoints,label_map.txt,parameters.json} \
    "$data"
}

for stream in rgb flow; do
  train $stream scratch 400 0:0.02,280:0.002,360:0.0002
  train $stream imagenet 300 0:0.02,220:0.002,280:0.0002 \
    --init_checkpoint="$folder/inception_v1/model.ckpt"
done

# A clip of the test split, pushed from left to right.
cp "$folder/ssv2/20bn-something-something-v2/189.webm" "$data/sample.webm"
