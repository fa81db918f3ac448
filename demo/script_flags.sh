# What the shell scripts have in common; a script sources this file first.
#
# Answers -h and --help with the comment on top of the script, and refuses every
# other flag. Sets `python` to the interpreter: that of the variable PYTHON, else
# the one of .venv in the checkout, else python3.
# shellcheck shell=bash

usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[-1]}"; }
for argument in "$@"; do
  case $argument in
    -h | --help)
      usage
      exit
      ;;
    -*)
      usage >&2
      echo "error: unknown flag $argument; write such a folder as ./$argument" >&2
      exit 1
      ;;
  esac
done

python=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.venv/bin/python
[[ -x $python ]] || python=python3
# shellcheck disable=SC2034  # The script uses it.
python=${PYTHON:-$python}
