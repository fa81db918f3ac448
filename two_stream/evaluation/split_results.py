"""The results of a split: tables to print, files and pictures.

{split}.json          accuracies, numbers of clips, damaged records
{split}_logits.npz    ids and labels of the clips, logits of each network
{split}_confusion_{stream}_{initialization}.png
{split}_{predictions,submission}_{stream}_{initialization}.csv
                      where a clip has no label, see predictions.py
"""

import io
import logging
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from two_stream import documents, errors, files
from two_stream.evaluation import (
  accuracy,
  class_accuracy,
  confusion_picture,
  data_directory,
  fusion,
  predictions,
  split_logits,
  split_summary,
)
from two_stream.records import schema, view_plan

# Initialization -> stream or 'joint' -> logits, float32 [N, classes].
_Combined = dict[str, dict[str, np.ndarray]]


def report(
  folder: files.PathLike,
  evaluated: split_summary.Evaluated,
  logits: split_logits.Logits,
) -> list[str]:
  """Writes the files.

  Args:
    folder: where the files are written.
    evaluated: what was evaluated.
    logits: the logits of the split.

  Returns:
    The lines to print: numbers of videos and clips, damaged records, and the
    tables of accuracies.

  Raises:
    InputError: a file cannot be written.
  """
  prefix = pathlib.Path(folder, evaluated.split)
  combined = _by_initialization(logits.networks)
  accuracies = {
    initialization: {
      stream: class_accuracy.compute(values, logits.labels)
      for stream, values in streams.items()
    }
    for initialization, streams in combined.items()
  }
  num_labelled = int(np.sum(logits.labels != schema.NO_LABEL))
  _write(f'{prefix}_logits.npz', _logits_file(logits))
  summary = split_summary.make(evaluated, logits, accuracies)
  _write(f'{prefix}.json', f'{documents.to_json(summary, 2)}\n'.encode())
  if num_labelled:
    _write_pictures(prefix, evaluated, combined, logits.labels)
  if num_labelled < len(logits.ids):
    ids = logits.ids.tolist()
    _write_predictions(prefix, evaluated.class_names, combined, ids)
  return [
    *_head(evaluated, logits, num_labelled),
    *_tables(accuracies, logits.labels, evaluated.class_names),
  ]


def _head(
  evaluated: split_summary.Evaluated,
  logits: split_logits.Logits,
  num_labelled: int,
) -> list[str]:
  """Returns the lines above the tables."""
  lines = []
  if evaluated.videos is not None:
    lines.append(evaluated.videos.line(evaluated.split))
  lines.append(
    f'{evaluated.split}: {len(logits.ids)} clips, {num_labelled} with a label; '
    f'{len(logits.damaged)} damaged'
  )
  lines += [f'  damaged: {_name(damage)}' for damage in logits.damaged]
  if evaluated.plan != view_plan.WHOLE_CLIP:
    lines.append(f'views of each clip: {evaluated.plan.describe()}')
  if num_repeated := split_summary.num_repeated(evaluated, logits):
    lines.append(
      f'  clips of less than {evaluated.plan.clip_frames} frames, which were '
      f'repeated from their start: {num_repeated}'
    )
  return lines


def _tables(
  accuracies: split_summary.Accuracies,
  labels: np.ndarray,
  class_names: Sequence[str],
) -> list[str]:
  """Returns the lines of both tables."""
  lines = [
    'top-1 / top-5 accuracy, %:',
    '',
    *accuracy.table(
      {
        initialization: {name: each.overall for name, each in streams.items()}
        for initialization, streams in accuracies.items()
      }
    ),
  ]
  if not (num_classes := split_summary.num_classes(labels, class_names)):
    return lines
  means = {
    initialization: {
      name: None if each.mean_class is None else [each.mean_class]
      for name, each in streams.items()
    }
    for initialization, streams in accuracies.items()
  }
  return [
    *lines,
    '',
    f'mean class accuracy, %, over {num_classes} of {len(class_names)} '
    'classes, those that have clips:',
    '',
    *accuracy.table(means),
  ]


def _by_initialization(
  networks: Mapping[data_directory.Network, np.ndarray],
) -> _Combined:
  """Groups logits, and adds those of both streams together.

  Args:
    networks: network -> float32 [N, classes].

  Returns:
    initialization -> stream or 'joint' -> float32 [N, classes].
  """
  streams: _Combined = {}
  for network, logits in networks.items():
    streams.setdefault(network.initialization, {})[network.stream] = logits
  return {
    initialization: fusion.with_joint(logits)
    for initialization, logits in streams.items()
  }


def _logits_file(logits: split_logits.Logits) -> bytes:
  """Returns the content of {split}_logits.npz."""
  content = io.BytesIO()
  arrays = {'ids': logits.ids, 'labels': logits.labels}
  for network, values in logits.networks.items():
    arrays[network.name] = values
  np.savez(content, **arrays)  # type: ignore[arg-type]
  return content.getvalue()


def _write_pictures(
  prefix: pathlib.Path,
  evaluated: split_summary.Evaluated,
  combined: _Combined,
  labels: np.ndarray,
) -> None:
  """Writes a confusion matrix for each cell of the table.

  Args:
    prefix: what the paths begin with.
    evaluated: what was evaluated.
    combined: what `_by_initialization` returns.
    labels: int [N]; `schema.NO_LABEL` for a clip without a label.
  """
  num_classes = len(evaluated.class_names)
  if num_classes > confusion_picture.MOST_CLASSES:
    logging.warning(
      'no pictures of confusion matrices: %d classes are more than the %d that '
      'a picture can show',
      num_classes,
      confusion_picture.MOST_CLASSES,
    )
    return
  for initialization, streams in combined.items():
    for stream, values in streams.items():
      column = accuracy.COLUMNS[initialization]
      picture = confusion_picture.draw(
        accuracy.confusion(values, labels),
        evaluated.class_names,
        f'{accuracy.ROWS[stream]} {column}: {evaluated.split}',
      )
      _write(f'{prefix}_confusion_{stream}_{initialization}.png', picture)


def _write_predictions(
  prefix: pathlib.Path,
  class_names: Sequence[str],
  combined: _Combined,
  ids: Sequence[str],
) -> None:
  """Writes the answers of each initialization, of both streams if there are.

  Args:
    prefix: what the paths begin with.
    class_names: in the order of the logits.
    combined: what `_by_initialization` returns.
    ids: the ids of the clips.
  """
  for initialization, streams in combined.items():
    stream, values = list(streams.items())[-1]
    name = f'{stream}_{initialization}.csv'
    table = predictions.table(ids, values, class_names)
    _write(f'{prefix}_predictions_{name}', table.encode(errors='replace'))
    path = f'{prefix}_submission_{name}'
    try:
      content = predictions.submission(ids, values)
    except errors.InputError as error:
      logging.warning('%s is not written: %s', path, error)
      continue
    _write(path, content.encode(errors='replace'))


def _name(damage: split_logits.Damage) -> str:
  """Returns the words that tell the user which record is damaged."""
  position = f'record {damage.record} of {damage.shard}, at byte {damage.byte}'
  if damage.breaks_off:
    position += ', where the file breaks off'
  return f'{damage.id or "id unreadable"} ({position})'


def _write(path: files.PathLike, content: bytes) -> None:
  """Writes a file that appears complete or not at all."""
  remedy = 'make room and run again: no logits are computed twice'
  with files.errors_of_writing(path, remedy), files.atomic_open(path) as stream:
    stream.write(content)
