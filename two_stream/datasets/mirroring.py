"""Which class a clip belongs to when left and right are swapped in its frames.

Most classes stay the same. A class whose name has a side becomes the class
whose name has the other side: 'turn_left' becomes 'turn_right'. If there is no
such class, clips of the class must not be flipped.

A side is a whole word of the name. A word ends where the letters end or where
the case changes. So 'turn_left', 'TurnLeft', 'LEFT-HAND' and 'Left2Right' have
sides; 'leftover', 'Bright' and 'COPYRIGHT' have none.
"""

import re
from collections.abc import Iterator, Sequence

CANNOT_FLIP = -1

_PAIRS = {
  'left': 'right',
  'leftward': 'rightward',
  'leftwards': 'rightwards',
  'leftmost': 'rightmost',
  'clockwise': 'counterclockwise',
}
_MIRROR = {
  **_PAIRS,
  **{image: word for word, image in _PAIRS.items()},
  'anticlockwise': 'clockwise',
}
_LETTER = r'[^\W\d_]'
_SMALL_LETTER = r'[^\W\d_A-Z]'
_SIDE = re.compile(
  '|'.join(
    f'{before}(?:{"|".join(map(style, _MIRROR))}){after}'
    for style, before, after in (
      (str.lower, f'(?<!{_LETTER})', f'(?!{_SMALL_LETTER})'),
      (str.capitalize, '', f'(?!{_SMALL_LETTER})'),
      (str.upper, '(?<![A-Z])', '(?![A-Z])'),
    )
  )
)


def flipped_labels(class_names: Sequence[str]) -> list[int]:
  """Tells what class a clip belongs to once it is flipped.

  The pairs are found by the names, because the order of the classes differs
  between label files.

  Args:
    class_names: the names in the order of the class indices, none twice.

  Returns:
    A list of class indices: a flipped clip of class i is of class `result[i]`.
    If that is `CANNOT_FLIP`, a flipped clip would belong to no class.
  """
  index_of = {name: index for index, name in enumerate(class_names)}
  return [index_of.get(_mirrored(name), CANNOT_FLIP) for name in class_names]


def never(class_names: Sequence[str]) -> list[int]:
  """Returns a table like that of `flipped_labels` that forbids all flips."""
  return [CANNOT_FLIP] * len(class_names)


def describe(
  class_names: Sequence[str], flipped: Sequence[int]
) -> Iterator[str]:
  """Says what flips do to the labels.

  Args:
    class_names: the names in the order of the class indices.
    flipped: what `flipped_labels` or `never` returned for these names.

  Yields:
    A sentence for each class that is not flipped, and for each pair of classes
    that are swapped.
  """
  if set(flipped) == {CANNOT_FLIP}:
    yield 'no clip is flipped'
    return
  for index, (name, image) in enumerate(zip(class_names, flipped)):
    if image == CANNOT_FLIP:
      yield (
        f'clips of {name!r} are never flipped: there is no class '
        f'{_mirrored(name)!r}'
      )
    elif flipped[image] != index:
      yield f'flips turn {name!r} into {class_names[image]!r}'
    elif index < image:
      yield f'flips swap {name!r} and {class_names[image]!r}'


def _mirrored(name: str) -> str:
  """Replaces each side in a name by the other side, in the same case."""
  return _SIDE.sub(_mirrored_word, name)


def _mirrored_word(match: re.Match[str]) -> str:
  word = match[0]
  image = _MIRROR[word.lower()]
  if word.isupper():
    return image.upper()
  return image.capitalize() if word[0].isupper() else image
