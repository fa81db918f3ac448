"""A folder of features, and what it remembers between runs.

    <id>.npz           the features of a video, see feature_names.py
    settings.json      what decides the features; a run with others is refused
    failures.jsonl     the videos that the last run could not use, and why
    failures-00003-of-00032.jsonl   the same, of one task of several

A file takes its name once it is whole. So a run that was killed is continued by
looking which files are there.
"""

import fcntl
import pathlib
from collections.abc import Mapping
from typing import Any

from two_stream import documents, errors, files
from two_stream.evaluation import (
  feature_file,
  feature_names,
  feature_settings,
)
from two_stream.preprocessing import task_share

SETTINGS = 'settings.json'
_REMEDY = 'choose another --output_dir'


class FeatureFolder:
  """The folder, as one task sees it.

  Args:
    folder: its path. It is made if it is missing.
    settings: how the features are made.
    share: which of the videos are this task's.

  Attributes:
    failures: the path of the list of failures of this task.
    num_failed: how many videos failed so far.
    num_missing: how many more videos are missing.

  Raises:
    InputError: the folder cannot be written, has features that were made with
      other settings, or another run does the same task in it.
  """

  def __init__(
    self,
    folder: files.PathLike,
    settings: feature_settings.FeatureSettings,
    share: task_share.TaskShare,
  ):
    self._folder = pathlib.Path(folder)
    self._settings = _as_stored(settings.parameters())
    task = f'{share.task_index:05d}-of-{share.num_tasks:05d}'
    suffix = f'-{task}' if share.num_tasks > 1 else ''
    self.failures = self._folder / f'failures{suffix}.jsonl'
    self.num_failed = self.num_missing = 0
    self._reasons: list[dict[str, Any]] = []
    with files.errors_of_writing(folder, _REMEDY):
      self._folder.mkdir(parents=True, exist_ok=True)
      self._lock = files.open_lock(self._folder / f'.task-{task}.lock')
    self._claim()
    self._remember_settings()
    self._write_failures()

  def path(self, video_id: str) -> pathlib.Path:
    """Returns where the features of a video are or will be."""
    return self._folder / feature_names.path_of(video_id)

  def is_done(self, video_id: str, source: Mapping[str, Any]) -> bool:
    """Returns whether the features of a video are there.

    Args:
      video_id: the id of the video.
      source: what tells its content from others, as values of JSON.

    Raises:
      InputError: they are there, but were made with other settings.
    """
    path = self.path(video_id)
    how = feature_file.read_how(path)
    if not isinstance(how, dict):
      return False
    self._refuse_other_settings(path, how.get('settings'))
    return how.get('source') == _as_stored(source)

  def how(self, **facts: Any) -> dict[str, Any]:
    """Returns what tells how features were made, with these facts."""
    return {'settings': self._settings, **facts}

  def fail(self, video_id: str, error: errors.InputError) -> None:
    """Notes that a video cannot be used."""
    is_missing = isinstance(error, errors.MissingFileError)
    self.num_missing += is_missing
    self.num_failed += not is_missing
    entry = {'id': video_id, 'reason': ' '.join(str(error).split())}
    self._reasons.append({**entry, **({'missing': True} if is_missing else {})})
    self._write_failures()

  def close(self) -> None:
    """Lets other runs do this task."""
    self._lock.close()

  def _claim(self) -> None:
    try:
      fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
      self._lock.close()
      raise errors.InputError(
        f'{self._folder}: another run does this task; wait for its end, divide '
        f'the work by --task_index and --num_tasks, or {_REMEDY}'
      ) from None
    except OSError:
      pass  # The file system has no locks.

  def _remember_settings(self) -> None:
    path = self._folder / SETTINGS
    if path.exists():
      old = documents.read_json(path, documents.MAX_OWN_BYTES)
      self._refuse_other_settings(path, old)
    else:
      self._write(path, documents.to_json(self._settings, 2) + '\n')

  def _refuse_other_settings(self, path: pathlib.Path, old: Any) -> None:
    """Raises InputError unless the settings are those of this run."""
    new = self._settings
    if old == new:
      return
    changes = ['it is not a list of settings']
    if isinstance(old, dict):
      changes = [
        f'{key} was {documents.quote(old.get(key))} and is '
        f'{documents.quote(new.get(key))} now'
        for key in {**old, **new}
        if old.get(key) != new.get(key)
      ]
    raise errors.InputError(
      f'{path}: the features were made otherwise ({", ".join(changes)}); '
      f'{_REMEDY}, or the settings from before'
    )

  def _write_failures(self) -> None:
    if self._reasons:
      lines = (f'{documents.to_json(entry)}\n' for entry in self._reasons)
      self._write(self.failures, ''.join(lines))
    else:
      self.failures.unlink(missing_ok=True)

  def _write(self, path: pathlib.Path, text: str) -> None:
    with (
      files.errors_of_writing(path, _REMEDY),
      files.atomic_open(path, 'w') as stream,
    ):
      stream.write(text)


def _as_stored(value: Mapping[str, Any]) -> Any:
  """Returns a value of JSON as it is when it was written and read."""
  return documents.parse_json(documents.to_json(dict(value)), 'settings')
