"""A rendered data set with the files and labels of Something-Something v2.

    20bn-something-something-v2/<id>.webm
    labels/something-something-v2-{labels,train,validation,test}.json
    labels/test-answers.csv
    settings.json        how it was rendered; the original has no such file

A clip depends on the seed, its split and its number only. More clips can
therefore be added later, and any number of processes renders the same files.
"""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from demo import templates, webm
from two_stream import documents, errors, files
from two_stream.datasets.data_set import SPLITS

VIDEOS = '20bn-something-something-v2'
LABELS = 'labels'
PREFIX = 'something-something-v2-'


class Settings(NamedTuple):
  """What all clips of a data set have in common.

  Attributes:
    seed: of everything random.
    min_seconds: duration of the shortest clips.
    max_seconds: duration of the longest clips.
  """

  seed: int
  min_seconds: float
  max_seconds: float


def prepare(folder: pathlib.Path, settings: Settings) -> None:
  """Makes the folders, or checks that they belong to this data set.

  Raises:
    InputError: if the folder holds other videos, or clips of other settings.
  """
  path, videos = folder / 'settings.json', folder / VIDEOS
  if path.exists():
    found = documents.read_json(path)
    if found != settings._asdict():
      raise errors.InputError(
        f'{path}: clips were rendered with {found}, not with '
        f'{settings._asdict()}; choose another --output_dir'
      )
  elif videos.exists() and any(videos.iterdir()):
    raise errors.InputError(
      f'{videos}: holds videos from elsewhere; choose another --output_dir'
    )
  videos.mkdir(parents=True, exist_ok=True)
  (folder / LABELS).mkdir(exist_ok=True)
  write_json(path, settings._asdict())


def template_of(seed: int, split: str, number: int) -> templates.Template:
  """Returns the template of a clip.

  In each round of as many clips as there are templates, every template occurs
  once; the order is random.
  """
  round_of_all, place = divmod(number, len(templates.TEMPLATES))
  rng = np.random.default_rng([seed, SPLITS.index(split), round_of_all, 1])
  return templates.TEMPLATES[rng.permutation(len(templates.TEMPLATES))[place]]


def set_up(
  settings: Settings, split: str, number: int
) -> tuple[templates.Template, templates.Take]:
  """Returns the template of a clip, and the clip ready to be drawn."""
  template = template_of(settings.seed, split, number)
  rng = np.random.default_rng([settings.seed, SPLITS.index(split), number, 2])
  return template, templates.set_up(
    template, rng, split, settings.min_seconds, settings.max_seconds
  )


def render(
  folder: pathlib.Path, settings: Settings, task: tuple[str, int]
) -> dict[str, Any]:
  """Renders a clip unless its file exists.

  Args:
    folder: of the data set.
    settings: of the data set.
    task: (split, number of the clip in the split, from 0).

  Returns:
    The clip's entry in the split's JSON file, a dict.
  """
  split, number = task
  template, take = set_up(settings, split, number)
  # The ids of all splits are mixed, like those of the original.
  entry = {'id': str(len(SPLITS) * number + SPLITS.index(split) + 1)}
  path = folder / VIDEOS / f'{entry["id"]}.webm'
  if not path.exists():
    webm.write(path, templates.film(take), templates.FPS)
  placeholders, label = template.caption(take.names)
  return {
    **entry,
    'label': label,
    'template': template.text,
    'placeholders': placeholders,
  }


def write_labels(
  folder: pathlib.Path, entries: Mapping[str, Sequence[dict[str, Any]]]
) -> None:
  """Writes the label files.

  Args:
    folder: of the data set.
    entries: {split: the entries that `render` returned}.
  """
  folder = folder / LABELS
  names = sorted(template.name for template in templates.TEMPLATES)
  classes = {name: str(index) for index, name in enumerate(names)}
  write_json(folder / f'{PREFIX}labels.json', classes)
  for split in SPLITS:
    public = list(entries[split])
    if split == 'test':
      public = [{'id': entry['id']} for entry in entries[split]]
    write_json(folder / f'{PREFIX}{split}.json', public)
  with files.atomic_open(folder / 'test-answers.csv', 'w') as stream:
    for entry in entries['test']:
      stream.write(f'{entry["id"]};{templates.class_name(entry["template"])}\n')


def write_json(path: str | os.PathLike[str], content: Any) -> None:
  """Writes a JSON file, which appears whole or not at all."""
  with files.atomic_open(pathlib.Path(path), 'w') as stream:
    json.dump(content, stream, indent=1)
