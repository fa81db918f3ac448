#!/usr/bin/env bash
# The main programs on little data: videos -> records -> training -> a class.
#
#   demo/first_run.sh [FOLDER]        default: a new folder in /tmp
#
# Runs demo/synthetic_ssv2.py, preprocess_ssv2.py, train.py for both streams, and
# evaluate_sample.py. Takes about three minutes on two cores and 50 MB. Ten steps
# of a tiny network teach it nothing: the classes printed at the end are guesses.
# What is made stays in FOLDER; the same command continues a run that was
# interrupted.
# PYTHON names the interpreter; default: the one of .venv, else python3.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=script_flags.sh
. "$here/demo/script_flags.sh"
folder=${1:-$(mktemp -d -t i3d.XXXXXX)}

"$python" "$here/demo/synthetic_ssv2.py" --output_dir="$folder/ssv2" \
  --num_train=17 --num_validation=0 --num_test=1 --max_seconds=2

"$python" "$here/preprocess_ssv2.py" --splits=train \
  --videos_dir="$folder/ssv2/20bn-something-something-v2" \
  --labels_dir="$folder/ssv2/labels" --output_dir="$folder/records"

data=$folder/data
mkdir -p "$data"
for stream in rgb flow; do
  "$python" "$here/train.py" --stream=$stream --records_dir="$folder/records" \
    --train_dir="$folder/$stream" --max_steps=10 --learning_rates=0:0.01 \
    --replicas_to_aggregate=1 --batch_size=2 --num_frames=16 \
    --depth_multiplier=0.0625 --batch_norm_decay=0.9
  cp -r "$folder/$stream/export/"{checkpoints,label_map.txt,parameters.json} \
    "$data"
done

# The test split has the one video that is not among the records.
labels=$folder/ssv2/labels/something-something-v2-test.json
id=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[0]["id"])' "$labels")
cp "$folder/ssv2/20bn-something-something-v2/$id.webm" "$data/sample.webm"

"$python" "$here/evaluate_sample.py" --data_dir="$data" \
  --noimagenet_pretrained --top_k=5
echo "everything is in $folder"
