"""Something-Something v1: 108,499 videos of 174 classes, as JPEG frames.

    something-something-v1-labels.csv       Holding something
    something-something-v1-train.csv        100218;Holding something
    something-something-v1-validation.csv   the same
    something-something-v1-test.csv         1420

The index of a class is the number of its line in the first file. The video of
a sample is the folder `<id>` with 00001.jpg and so on, at 12 frames a second.
"""

import pathlib

from two_stream import documents, errors
from two_stream.datasets import data_set, label_map, listing

NAME = 'ssv1'
LAYOUT = (
  'Something-Something v1. --videos_dir is 20bn-something-something-v1, with a '
  'folder of JPEG frames for each video. --annotations is the folder of '
  'something-something-v1-labels.csv, -train.csv, -validation.csv and '
  '-test.csv. The order of the classes is that of the labels.'
)
OPTIONS = ('annotations',)

_PREFIX = 'something-something-v1-'
# The data set's description says at what rate the frames were taken.
_FRAMES_PER_SECOND = 12


def read(request: data_set.Request) -> data_set.DataSet:
  """Reads the lists.

  Args:
    request: where the files are, and which samples are wanted.

  Returns:
    The data set.

  Raises:
    InputError: a list is missing or malformed, or a wanted split is missing.
  """
  folder = listing.annotations(request, f'the folder of {_PREFIX}labels.csv')
  (classes,) = listing.find_lists(folder, f'{_PREFIX}labels.csv')
  lists = {
    split: path
    for split in data_set.SPLITS
    if (path := classes.parent / f'{_PREFIX}{split}.csv').exists()
  }
  splits = {
    split: _read_list(lists[split], split)
    for split in listing.splits(request, lists, folder)
  }
  labels = [each.label for samples in splits.values() for each in samples]
  return data_set.DataSet(
    name='something_something_v1',
    class_names=listing.class_names(
      request, labels, folder, label_map.read(classes)
    ),
    splits=splits,
    frames_per_second_of_frames=_FRAMES_PER_SECOND,
  )


def _read_list(path: pathlib.Path, split: str) -> list[data_set.Sample]:
  """Reads the samples of a split."""
  rows = documents.read_csv(path, ';')
  samples = []
  for line, fields in rows:
    where = f'{path}: line {line}'
    if len(fields) > 2:
      raise errors.InputError(
        f'{where} has {len(fields)} fields and not two, id;label'
      )
    sample_id, label = (*fields, '')[:2]
    samples.append(
      listing.listed_sample(
        sample_id,
        sample_id,
        listing.checked_label(label, split, where),
        where,
      )
    )
  listing.refuse_repeated_ids(path, samples, [line for line, _ in rows])
  return samples
