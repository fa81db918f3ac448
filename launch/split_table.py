r"""Puts the accuracies of three splits into one table, beside published ones.

    python launch/split_table.py --dataset=ucf101 --folder=ucf101/full

UCF-101 and HMDB-51 are divided into training and test videos in three ways, and
papers give the mean of the three accuracies. launch/split_tables.sh trains and
evaluates the networks, and calls this program. It reads

    --folder/split_1/evaluation/test.json    and so on, as evaluate_split.py
                                             writes them

Splits that are missing are left out, and there is no mean then. A line below
the table says if videos of a split are missing.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence

from absl import flags

# Lets the script run where the project is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from two_stream import cli, documents, errors, files

FLAGS = flags.FLAGS

SPLIT_NUMBERS = (1, 2, 3)
_ROWS = {'rgb': 'RGB-I3D', 'flow': 'Flow-I3D', 'joint': 'Two-Stream I3D'}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
  """What Carreira & Zisserman publish of a data set (arXiv 1705.07750v3).

  Attributes:
    name: what the data set is called.
    num_videos: the number of test videos of each split.
    alone: table 2, top-1 of split 1 in percent, trained on this data set
      without Kinetics: of RGB, Flow and both.
    fixed: table 4, of both streams on split 1: the last layer trained, the rest
      from ImageNet and Kinetics.
    fine_tuned: table 4, like `fixed`, but all layers trained.
    mean: table 5, the mean of the three splits, all layers trained: of RGB,
      Flow and both.
  """

  name: str
  num_videos: tuple[int, int, int]
  alone: tuple[float, float, float]
  fixed: float
  fine_tuned: float
  mean: tuple[float, float, float]


PUBLISHED = {
  'ucf101': Published(
    name='UCF-101',
    num_videos=(3783, 3734, 3696),
    alone=(84.5, 90.6, 93.4),
    fixed=97.7,
    fine_tuned=98.0,
    mean=(95.6, 96.7, 98.0),
  ),
  'hmdb51': Published(
    name='HMDB-51',
    num_videos=(1530, 1530, 1530),
    alone=(49.8, 61.9, 66.4),
    fixed=79.7,
    fine_tuned=81.2,
    mean=(74.8, 77.1, 80.7),
  ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
  """The result of a split.

  Attributes:
    num_clips: how many clips have been classified.
    top_1: stream or 'joint' -> the accuracy in percent.
  """

  num_clips: int
  top_1: Mapping[str, float]


flags.DEFINE_enum(
  'dataset', None, list(PUBLISHED), 'The data set.', required=True
)
cli.define_path(
  'folder', None, 'The folder of split_1, split_2 and split_3.', required=True
)


def main() -> None:
  """Prints the table."""
  results = {}
  for number in SPLIT_NUMBERS:
    path = pathlib.Path(FLAGS.folder, f'split_{number}/evaluation/test.json')
    if path.exists():
      results[number] = read(path)
  if not results:
    raise errors.InputError(
      f'{FLAGS.folder}: has no split_1/evaluation/test.json nor one of another '
      'split; run launch/split_tables.sh'
    )
  print('\n'.join(table(PUBLISHED[FLAGS.dataset], results)))


def read(path: files.PathLike) -> Result:
  """Reads what evaluate_split.py wrote of networks of one initialization.

  Raises:
    InputError: the file cannot be read, or is of several initializations.
  """
  content = documents.read_json(path, documents.MAX_OWN_BYTES)
  try:
    ((_, streams),) = content['accuracy'].items()
    return Result(
      num_clips=int(content['labelled']),
      top_1={
        stream: 100 * float(streams[stream]['top_1'])
        for stream in _ROWS
        if streams.get(stream)
      },
    )
  except (AttributeError, LookupError, TypeError, ValueError):
    raise errors.InputError(
      f'{path}: not the accuracies of one network of each stream, as '
      'evaluate_split.py writes them; evaluate again'
    ) from None


def table(published: Published, results: Mapping[int, Result]) -> list[str]:
  """Formats the results as a Markdown table.

  Args:
    published: the published figures.
    results: number of a split -> its result.

  Returns:
    The lines to print.
  """
  rows = [
    [
      published.name,
      *(f'split {number}' for number in results),
      'mean',
      'published mean (table 5)',
      'published, split 1, without Kinetics (table 2)',
    ]
  ]
  for i, (stream, name) in enumerate(_ROWS.items()):
    shares = [result.top_1.get(stream) for result in results.values()]
    rows.append(
      [
        name,
        *map(_cell, shares),
        _cell(_mean(shares)),
        _cell(published.mean[i]),
        _cell(published.alone[i]),
      ]
    )
  rows.insert(1, ['---'] * len(rows[0]))
  lines = [f'| {" | ".join(row)} |' for row in rows]
  return [
    'top-1 accuracy on the test videos, %:',
    '',
    *lines,
    '',
    'published for both streams on split 1, from Kinetics (table 4): '
    f'{published.fixed} with only the last layer trained, '
    f'{published.fine_tuned} with all layers trained',
    *_incomplete(published, results),
  ]


def _mean(shares: Sequence[float | None]) -> float | None:
  """Returns the mean of the three splits; None if one is missing."""
  known = [share for share in shares if share is not None]
  if len(known) < len(SPLIT_NUMBERS):
    return None
  return sum(known) / len(known)


def _cell(percent: float | None) -> str:
  return '-' if percent is None else f'{percent:.1f}'


def _incomplete(
  published: Published, results: Mapping[int, Result]
) -> list[str]:
  """Says which splits do not have the published number of test videos."""
  return [
    f'split {number}: {result.num_clips:,} test videos, and not the published '
    f'{published.num_videos[number - 1]:,}; the figures cannot be compared'
    for number, result in results.items()
    if result.num_clips != published.num_videos[number - 1]
  ]


if __name__ == '__main__':
  cli.run(main)
