"""demo/train_demo.sh, as far as it goes in a moment."""

import os
import pathlib
import subprocess

import pytest

pytestmark = pytest.mark.process

ROOT = pathlib.Path(__file__).parents[1]
STRANGER = 12345


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root to make a stranger')
@pytest.mark.parametrize('kind', ['folder', 'link'])
def test_a_folder_that_somebody_else_prepared_is_refused(tmp_path, kind):
  """Its default name is known to everybody who may write to /tmp."""
  folder = tmp_path / 'folder'
  if kind == 'folder':
    folder.mkdir()
  else:
    folder.symlink_to(tmp_path)
  os.chown(folder, STRANGER, STRANGER, follow_symlinks=False)
  result = subprocess.run(
    [ROOT / 'demo' / 'train_demo.sh', folder],
    env={**os.environ, 'PYTHON': 'false'},  # Would end the script with 1, too.
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 1
  assert result.stderr == (
    f'error: {folder}: belongs to somebody else; name another folder\n'
  )
