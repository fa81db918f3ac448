#!/usr/bin/env bash
# Takes the place of the interpreter in launch/split_tables.sh. It writes each
# command to LOG, leaves what train.py would export, and gives the exit status
# PREPROCESSED for the preprocessing.
set -euo pipefail
echo "${1##*/} ${*:2}" >> "$LOG"
case $1 in
  */preprocess_videos.py) exit "${PREPROCESSED:-0}" ;;
  */train.py)
    for argument in "$@"; do
      [[ $argument != --train_dir=* ]] || export=${argument#*=}/export
    done
    mkdir -p "$export/checkpoints/${2#*=}_imagenet"
    touch "$export"/{label_map.txt,parameters.json}
    ;;
esac
