"""./multi_evaluate.sh replaces files only, as files.atomic_open does."""

import os

import programs
import pytest

pytestmark = pytest.mark.process

NAME = 'no_imagenet_rgb.txt'


@pytest.fixture(name='out')
def make_out(tmp_path):
  (tmp_path / 'out').mkdir()
  return tmp_path / 'out'


def evaluate(out):
  """Runs the script for one checkpoint, with `echo` as interpreter."""
  checkpoint = out.parent / 'data' / 'checkpoints' / 'rgb_scratch'
  checkpoint.mkdir(parents=True)
  (checkpoint / 'model.ckpt.index').touch()
  return programs.run(
    [programs.ROOT / 'multi_evaluate.sh', out.parent / 'data', out],
    env={'PYTHON': 'echo'},
  )


def make_folder(path):
  path.mkdir()


def make_link_to_folder(path):
  (path.parent.parent / 'elsewhere').mkdir()
  path.symlink_to(path.parent.parent / 'elsewhere')


@pytest.mark.parametrize(
  'make',
  [make_folder, make_link_to_folder, os.mkfifo],
  ids=lambda f: f.__name__,
)
def test_what_is_no_file_is_refused_and_stays(out, make):
  make(out / NAME)
  before = (out / NAME).lstat()
  result = evaluate(out)
  assert result.returncode == 1
  lines = [
    line for line in result.stderr.splitlines() if not line.startswith('left')
  ]
  assert lines == [f'error: {out / NAME}: is not a regular file; remove it']
  assert list(out.iterdir()) == [out / NAME]
  assert (out / NAME).lstat() == before  # The times tell of files inside it.
  assert not any(p.is_file() for p in out.parent.rglob('*.txt*'))


@pytest.mark.parametrize('is_there', [True, False])
def test_a_link_to_a_file_is_replaced_by_the_file(out, is_there):
  target = out.parent / 'target'
  if is_there:
    target.write_text('old')
  (out / NAME).symlink_to(target)
  result = evaluate(out)
  assert result.returncode == 0, result.stderr
  assert not (out / NAME).is_symlink()
  assert '--eval_type=rgb' in (out / NAME).read_text()
  assert target.exists() == is_there
  assert not is_there or target.read_text() == 'old'
