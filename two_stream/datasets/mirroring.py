"""Which class a clip belongs to once it is flipped, left to right.

Most classes stay what they are. A class whose name has a side becomes the class
whose name has the other one, as 'turn_left' becomes 'turn_right'. If there is
no such class, its clips must not be flipped.

A side is a whole word of the name. Words end where letters end and where the
case changes: 'turn_left', 'TurnLeft', 'LEFT-HAND' and 'Left2Right' have sides,
'leftover', 'Bright' and 'COPYRIGHT' have none.
"""

import re

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


def flipped_labels(class_names):
  """Tells what class a clip belongs to once it is flipped.

  The pairs follow from the names, because the order of classes differs between
  label files.

  Args:
    class_names: a list of str, none twice, in the order of their indices.

  Returns:
    A list of class indices: a clip of class i, flipped, is of class
    `result[i]`, or of no class where that is `CANNOT_FLIP`.
  """
  index_of = {name: index for index, name in enumerate(class_names)}
  return [index_of.get(_mirrored(name), CANNOT_FLIP) for name in class_names]


def never(class_names):
  """Gives the table that `flipped_labels` gives, but of no flips at all."""
  return [CANNOT_FLIP] * len(class_names)


def describe(class_names, flipped):
  """Says what flips do to labels.

  Args:
    class_names: as for `flipped_labels`.
    flipped: what `flipped_labels` or `never` returned for them.

  Yields:
    A line for each class that is not flipped, and for each pair that swaps.
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


def _mirrored(name):
  """Swaps the sides in a name and keeps their case."""
  return _SIDE.sub(_mirrored_word, name)


def _mirrored_word(match):
  word = match[0]
  image = _MIRROR[word.lower()]
  if word.isupper():
    return image.upper()
  return image.capitalize() if word[0].isupper() else image
