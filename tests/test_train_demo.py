"""demo/train_demo.sh, as far as it goes in a moment."""

import os

import programs
import pytest

pytestmark = pytest.mark.process

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
  result = programs.run(
    [programs.ROOT / 'demo' / 'train_demo.sh', folder],
    env={'PYTHON': 'false'},  # Would end the script with 1, too.
  )
  assert result.returncode == 1
  assert result.stderr == (
    f'error: {folder}: belongs to somebody else; name another folder\n'
  )
