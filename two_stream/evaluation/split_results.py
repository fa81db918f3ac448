"""The results of a split: a table to print, files and pictures.

{split}.json          accuracies, numbers of clips, damaged records
{split}_logits.npz    ids and labels of the clips, logits of each network
{split}_confusion_{stream}_{initialization}.png
"""

import dataclasses
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from two_stream import documents, files
from two_stream.evaluation import (
  accuracy,
  confusion_picture,
  data_directory,
  fusion,
  split_logits,
)
from two_stream.records import schema

# Initialization -> stream -> what `accuracy.top_k` returns.
_Accuracies = Mapping[str, Mapping[str, Sequence[float] | None]]


def report(
  folder: files.PathLike,
  split: str,
  class_names: Sequence[str],
  logits: split_logits.Logits,
) -> list[str]:
  """Writes the files.

  Args:
    folder: where the files are written.
    split: the name of the split, which the names of the files begin with.
    class_names: in the order of the logits.
    logits: the logits of the split.

  Returns:
    The lines to print: numbers of clips, damaged records, and the table of
    accuracies.

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


def _by_initialization(
  networks: Mapping[data_directory.Network, np.ndarray],
) -> dict[str, dict[str, np.ndarray]]:
  """Groups logits, and adds those of both streams together.

  Args:
    networks: network -> float32 [N, classes].

  Returns:
    initialization -> stream or 'joint' -> float32 [N, classes].
  """
  streams: dict[str, dict[str, np.ndarray]] = {}
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


def _summary(
  split: str,
  counts: Mapping[str, int],
  logits: split_logits.Logits,
  accuracies: _Accuracies,
) -> bytes:
  """Returns the content of {split}.json."""
  content = {
    'split': split,
    **counts,
    'damaged_records': [
      dataclasses.asdict(damage) for damage in logits.damaged
    ],
    'accuracy': {
      initialization: {
        stream: shares and dict(zip(('top_1', 'top_5'), shares))
        for stream, shares in streams.items()
      }
      for initialization, streams in accuracies.items()
    },
  }
  return (documents.to_json(content, 2) + '\n').encode()


def _write_pictures(
  folder: pathlib.Path,
  split: str,
  class_names: Sequence[str],
  combined: Mapping[str, Mapping[str, np.ndarray]],
  labels: np.ndarray,
) -> None:
  """Writes a confusion matrix for each cell of the table.

  Args:
    folder: where the pictures are written.
    split: the name of the split.
    class_names: in the order of the logits.
    combined: what `_by_initialization` returns.
    labels: int [N]; `schema.NO_LABEL` for a clip without a label.
  """
  for initialization, streams in combined.items():
    for stream, values in streams.items():
      picture = confusion_picture.draw(
        accuracy.confusion(values, labels),
        class_names,
        f'{accuracy.ROWS[stream]} {accuracy.COLUMNS[initialization]}: {split}',
      )
      name = f'{split}_confusion_{stream}_{initialization}.png'
      _write(folder / name, picture)


def _name(damage: split_logits.Damage) -> str:
  """Returns the words that tell the user which record is damaged."""
  position = f'record {damage.record} of {damage.shard}, at byte {damage.byte}'
  if damage.breaks_off:
    position += ', where the file breaks off'
  return f'{damage.id or "id unreadable"} ({position})'


def _write(path: pathlib.Path, content: bytes) -> None:
  """Writes a file that appears complete or not at all."""
  remedy = 'make room and run again: no logits are computed twice'
  with files.errors_of_writing(path, remedy), files.atomic_open(path) as stream:
    stream.write(content)
