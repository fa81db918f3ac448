r"""From the id of a video to the name of the file of its features.

An id comes from a list or from a folder of videos and may hold any sign. Its
parts between slashes become folders, and each part keeps its letters, digits
and signs, but for these, which are written as % and two hexadecimal digits for
each byte:

    %                                       signs that cannot be printed
    the dot that a part begins with         \ : * ? " < > |
    the last dot of a folder that ends as one of our own files do

A part that is empty becomes a single %. A part that is too long for a file name
is cut, and the digest of the whole part follows. So two ids never get the same
name, and no name leads out of the folder.
"""

import hashlib
import os
import pathlib

SUFFIX = '.npz'

_ESCAPED = frozenset('%\\:*?"<>|')
_OWN_SUFFIXES = ('.npz', '.json', '.jsonl')
# A file name has at most 255 bytes; a temporary name is longer by 22.
_MAX_BYTES = 200
_KEPT_CHARACTERS = 40


def path_of(video_id: str) -> pathlib.PurePath:
  """Returns the path of a file, relative to the folder of all features."""
  *folders, name = map(_escape, video_id.split('/'))
  return pathlib.PurePath(*map(_of_folder, folders), f'{name}{SUFFIX}')


def _escape(part: str) -> str:
  """Returns a name for a part of an id."""
  if not part:
    return '%'
  name = ''.join(
    _hexadecimal(sign)
    if sign in _ESCAPED or not (sign.isprintable() or sign == '\u3000')
    else sign
    for sign in part
  )
  if name.startswith('.'):
    name = f'{_hexadecimal(".")}{name[1:]}'
  if len(os.fsencode(name)) <= _MAX_BYTES:
    return name
  # `%~` stands in no other name.
  digest = hashlib.sha256(os.fsencode(part)).hexdigest()
  return f'{name[:_KEPT_CHARACTERS]}%~{digest}'


def _of_folder(name: str) -> str:
  """Returns a name of a folder that is not the one of a file of ours."""
  stem, dot, ending = name.rpartition('.')
  if dot + ending in _OWN_SUFFIXES:
    return f'{stem}{_hexadecimal(dot)}{ending}'
  return name


def _hexadecimal(sign: str) -> str:
  return ''.join(f'%{byte:02X}' for byte in os.fsencode(sign))
