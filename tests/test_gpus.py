"""What a task says of GPUs, with made-up lists of them; no test has a GPU."""

import os

import pytest
import tensorflow as tf

from two_stream import errors
from two_stream.training import gpus


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  """No variable about GPUs is set, and each is put back at the end."""
  for name in (
    'CUDA_VISIBLE_DEVICES',
    'NVIDIA_VISIBLE_DEVICES',
    'TF_FORCE_GPU_ALLOW_GROWTH',
  ):
    monkeypatch.setenv(name, '')
    monkeypatch.delenv(name)


def prepare(monkeypatch, seen, **variables):
  """Calls `gpus.prepare` where TensorFlow sees so many GPUs."""
  for name, value in variables.items():
    monkeypatch.setenv(name, value)
  devices = [tf.config.PhysicalDevice(f'GPU:{i}', 'GPU') for i in range(seen)]
  monkeypatch.setattr(
    tf.config,
    'list_physical_devices',
    lambda kind: devices if kind == 'GPU' else [],
  )
  gpus.prepare()


@pytest.mark.parametrize(
  ('variable', 'value'),
  [
    ('CUDA_VISIBLE_DEVICES', '0'),
    ('CUDA_VISIBLE_DEVICES', '2,3'),
    ('NVIDIA_VISIBLE_DEVICES', 'GPU-3a0b,GPU-77c1'),
  ],
)
def test_gpus_that_were_promised_and_are_not_seen_are_refused(
  monkeypatch, variable, value
):
  with pytest.raises(errors.InputError) as caught:
    prepare(monkeypatch, 0, **{variable: value})
  message = str(caught.value)
  assert message.startswith(f'{variable}={value}, but TensorFlow sees no GPU; ')
  assert "pip install -e '.[gpu]'" in message
  assert 'CUDA_VISIBLE_DEVICES=-1 to train on processors' in message
  assert '\n' not in message


@pytest.mark.parametrize(
  'variables',
  [
    {},
    {'CUDA_VISIBLE_DEVICES': ''},
    # What the refusal says, in a container that was given a GPU.
    {'CUDA_VISIBLE_DEVICES': '-1', 'NVIDIA_VISIBLE_DEVICES': 'GPU-3a0b'},
    # What NVIDIA's images set wherever they run.
    {'NVIDIA_VISIBLE_DEVICES': 'all'},
    {'NVIDIA_VISIBLE_DEVICES': 'void'},
  ],
)
def test_who_was_promised_none_trains_on_processors(
  monkeypatch, caplog, variables
):
  prepare(monkeypatch, 0, **variables)
  assert caplog.text == ''


def test_fewer_gpus_than_were_promised_are_a_warning(monkeypatch, caplog):
  prepare(monkeypatch, 2, CUDA_VISIBLE_DEVICES='0,1,7')
  (record,) = caplog.records
  assert record.getMessage() == (
    'CUDA_VISIBLE_DEVICES=0,1,7 has 3 GPUs, but TensorFlow sees only 2'
  )


def test_as_many_gpus_as_were_promised_are_no_news(monkeypatch, caplog):
  prepare(monkeypatch, 2, CUDA_VISIBLE_DEVICES='2,3')
  assert caplog.text == ''


@pytest.mark.parametrize(('before', 'after'), [(None, 'true'), ('false',) * 2])
def test_memory_grows_unless_the_user_says_otherwise(
  monkeypatch, before, after
):
  variable = 'TF_FORCE_GPU_ALLOW_GROWTH'
  prepare(monkeypatch, 1, **({variable: before} if before else {}))
  assert os.environ[variable] == after
