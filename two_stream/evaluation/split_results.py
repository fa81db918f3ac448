"""What the evaluation of a split leaves: a table, files and pictures.

{split}.json                             accuracies, counts, what was damaged
{split}_logits.npz                       ids, labels, each network's logits
{split}_confusion_{stream}_{initialization}.png
"""

import io
import json
import pathlib

import numpy as np

from two_stream import errors, files
from two_stream.evaluation import accuracy, confusion_picture, fusion
from two_stream.records import schema


def report(folder, split, class_names, logits):
  """Writes the files.

  Args:
    folder: where.
    split: its name.
    class_names: in the order of the logits.
    logits: a `split_evaluation.Logits`.

  Returns:
    The lines to print.

  Raises:
    InputError: a file cannot be written.
  """
  folder = pathlib.Path(folder)
  combined = _by_initialization(logits.networks)
  accuracies = {
    initialization: {
      stream: accuracy.top_k(values, logits.labels)
      for stream, values in streams.items()
    }
    for initialization, streams in combined.items()
  }
  counts = {
    'clips': len(logits.ids),
    'labelled': int(np.sum(logits.labels != schema.NO_LABEL)),
    'damaged': len(logits.damaged),
  }
  _write(folder / f'{split}_logits.npz', _logits_file(logits))
  _write(folder / f'{split}.json', _summary(split, counts, logits, accuracies))
  if counts['labelled']:
    _write_pictures(folder, split, class_names, combined, logits.labels)
  return [
    f'{split}: {counts["clips"]} clips, {counts["labelled"]} with a label; '
    f'{counts["damaged"]} damaged',
    *(f'  damaged: {_name(damage)}' for damage in logits.damaged),
    'top-1 / top-5 accuracy, %:',
    '',
    *accuracy.table(accuracies),
  ]


def _by_initialization(networks):
  """Groups logits, and adds those of both streams together.

  Args:
    networks: `data_directory.Network` -> float32 [N, classes].

  Returns:
    initialization -> what `fusion.with_joint` returns.
  """
  streams = {}
  for network, logits in networks.items():
    streams.setdefault(network.initialization, {})[network.stream] = logits
  return {
    initialization: fusion.with_joint(logits)
    for initialization, logits in streams.items()
  }


def _logits_file(logits):
  content = io.BytesIO()
  np.savez(
    content,
    ids=logits.ids,
    labels=logits.labels,
    **{network.name: values for network, values in logits.networks.items()},
  )
  return content.getvalue()


def _summary(split, counts, logits, accuracies):
  content = {
    'split': split,
    **counts,
    'damaged_records': [damage._asdict() for damage in logits.damaged],
    'accuracy': {
      initialization: {
        stream: shares and dict(zip(('top_1', 'top_5'), shares))
        for stream, shares in streams.items()
      }
      for initialization, streams in accuracies.items()
    },
  }
  return (json.dumps(content, indent=2) + '\n').encode()


def _write_pictures(folder, split, class_names, combined, labels):
  for initialization, streams in combined.items():
    for stream, values in streams.items():
      picture = confusion_picture.draw(
        accuracy.confusion(values, labels),
        class_names,
        f'{accuracy.ROWS[stream]} {accuracy.COLUMNS[initialization]}: {split}',
      )
      name = f'{split}_confusion_{stream}_{initialization}.png'
      _write(folder / name, picture)


def _name(damage):
  """Names a damaged record in words."""
  place = f'record {damage.record} of {damage.shard}, at byte {damage.byte}'
  if damage.breaks_off:
    place += ', where the file breaks off'
  return f'{damage.id or "id unreadable"} ({place})'


def _write(path, content):
  files.remove_leftovers(path)
  try:
    with files.atomic_open(path) as stream:
      stream.write(content)
  except OSError as error:
    raise errors.InputError(
      f'{path}: cannot be written: {error}; make room and run again: no logits '
      'are computed twice'
    ) from error
