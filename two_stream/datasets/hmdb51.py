"""HMDB-51: 6,766 videos of 51 classes, divided in three ways.

The lists are those of testTrainMulti_7030_splits, one for each class and each
division, `<class>_test_split<number>.txt`:

    April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1

1 is for training, 2 for testing; 0 is in neither. The video is
`<class>/<name>`, and the names have signs such as `#`, `(`, `&` and `;`.
"""

import pathlib

from two_stream import documents, errors
from two_stream.datasets import data_set, label_map, listing, video_search

NAME = 'hmdb51'
LAYOUT = (
  'HMDB-51. --videos_dir is the folder with a folder of videos for each class. '
  '--annotations is testTrainMulti_7030_splits, with <class>_test_split1.txt '
  'and so on. --split_number tells which of the three divisions is taken. The '
  'splits are train and test. The order of the classes is alphabetical.'
)
OPTIONS = ('annotations', 'split_number')

_SPLIT_OF = {'0': None, '1': 'train', '2': 'test'}


def read(request: data_set.Request) -> data_set.DataSet:
  """Reads the lists of one division.

  Args:
    request: where the files are, and which samples are wanted.

  Returns:
    The data set. The id of a sample is its path without the ending, because
    classes may share names of videos.

  Raises:
    InputError: a list is missing or malformed, or a wanted split is missing.
  """
  folder = listing.annotations(request, 'the folder testTrainMulti_7030_splits')
  ending = f'_test_split{request.split_number}.txt'
  paths = listing.find_lists(folder, f'*{ending}')
  wanted = listing.splits(request, ('train', 'test'), 'HMDB-51')
  splits: dict[str, list[data_set.Sample]] = {split: [] for split in wanted}
  names = []
  for path in paths:
    label = label_map.checked_name(path.name.removesuffix(ending), str(path))
    names.append(label)
    for split, samples in _read_list(path, label).items():
      if split in splits:
        splits[split].extend(samples)
  return data_set.DataSet(
    name='hmdb51',
    class_names=listing.class_names(request, names, folder),
    splits=video_search.locate(request, splits),
  )


def _read_list(
  path: pathlib.Path, label: str
) -> dict[str, list[data_set.Sample]]:
  """Reads the list of a class; returns split -> its samples."""
  rows = listing.read_words(path)
  splits: dict[str, list[data_set.Sample]] = {'train': [], 'test': []}
  samples = []
  for line, words in rows:
    where = f'{path}: line {line}'
    if len(words) != 2 or words[1] not in _SPLIT_OF:
      raise errors.InputError(
        f'{where} is not <file> 0, 1 or 2: {documents.quote(" ".join(words))}'
      )
    name = words[0]
    sample = listing.listed_sample(
      f'{label}/{name}', f'{label}/{name.rpartition(".")[0]}', label, where
    )
    samples.append(sample)
    split = _SPLIT_OF[words[1]]
    if split is not None:
      splits[split].append(sample)
  listing.refuse_repeated_ids(path, samples, [line for line, _ in rows])
  return splits
