"""The Python of docs/in_your_code.md runs, and trains what it says."""

import markdown_pages
import numpy as np
import pytest
import small_networks
import small_videos
import tensorflow as tf

from two_stream.networks import checkpoints

CHECKPOINT = 'my_data/checkpoints/rgb_imagenet/model.ckpt'
# What the page shows -> what takes less time.
SMALL_NETWORK = {'num_classes=5,': 'num_classes=5, depth_multiplier=1 / 16,'}


def block_with(text, replaced):
  """The page's block of Python that has a text, on small networks."""
  (block,) = (
    block
    for block in markdown_pages.pages()['docs/in_your_code.md'].python
    if text in block
  )
  for shown, run in replaced.items():
    assert block.count(shown) == 1, shown
    block = block.replace(shown, run)
  return block


@pytest.fixture(name='names')
def prepare(tmp_path, monkeypatch):
  """A folder with what the page reads, and the variables of the blocks."""
  monkeypatch.chdir(tmp_path)
  data = tmp_path / 'kinetics-i3d' / 'data'
  path = small_networks.write(data, 'rgb_imagenet', 7)
  clips = np.random.default_rng(0).uniform(-1, 1, [2, 9, 193, 193, 3])
  clips[1::2, :, :90] = 0  # Two classes that differ.
  np.save('clips.npy', clips.astype(np.float32))
  np.save('labels.npy', np.array([0, 1]))
  return {'path': str(path.relative_to(tmp_path))}


def test_a_video_becomes_the_clip_in_both_ways(names):
  small_videos.write_video('my_video.mp4')
  exec(block_with('sample_clips', {"['rgb', 'flow']": "['rgb']"}), names)
  expected = names['clip']
  exec(block_with('resampling', {}), names)
  np.testing.assert_array_equal(names['clip'][:, :-1], expected)


def test_the_loop_fine_tunes(names, capsys):
  tf.random.set_seed(0)
  replaced = {
    **SMALL_NETWORK,
    'batch(4)': 'batch(2)',
    'take(100)': 'take(6)',
    'dropout_keep_prob=0.5': 'dropout_keep_prob=1.0',  # It is noise here.
    '@tf.function\n': '',  # Making the graph would take most of the time.
  }
  exec(block_with('GradientTape', replaced), names)
  lines = capsys.readouterr().out.splitlines()
  losses = [float(line.split()[1]) for line in lines]
  assert len(losses) == 6
  assert np.mean(losses[-2:]) < 0.8 * np.mean(losses[:2])
  exec(block_with("startswith(('Mixed_5c/'", {}), names)
  assert len(names['variables']) == 2 * 6 + 2

  start = checkpoints.read(names['path'])
  assert checkpoints.describe(CHECKPOINT).num_classes == 5
  for name, value in checkpoints.read(CHECKPOINT).items():
    if not name.startswith('Logits/'):
      assert np.any(value != start[name]), name


@pytest.mark.slow
def test_keras_fine_tunes(names):
  names['clips'] = np.load('clips.npy')
  names['labels'] = np.load('labels.npy')
  names['checkpoints'] = checkpoints
  replaced = {**SMALL_NETWORK, '224, 224': '193, 193'}
  exec(block_with('model.fit', replaced), names)
  history = names['model'].history.history['loss']
  assert history[-1] < 0.8 * history[0]
  before = [variable.numpy() for variable in names['layer'].variables]
  start = checkpoints.read(names['path'])
  for name, value in checkpoints.read(CHECKPOINT).items():
    if not name.startswith('Logits/'):
      assert np.any(value != start[name]), name

  keras = names['keras']
  loaded = keras.models.load_model('my_model.keras')
  for variable, value in zip(loaded.layers[0].variables, before, strict=True):
    np.testing.assert_array_equal(variable.value, value)

  # Features with a head, on the network at its width of 1/16.
  replaced = {
    "='Mixed_5c')": "='Mixed_5c', depth_multiplier=1 / 16)",
    '224, 224': '193, 193',
  }
  exec(block_with("'Mixed_5c')", replaced), names)
  assert names['model'](names['clips']).shape == (2, 5)
  assert len(names['model'].trainable_variables) == 2


@pytest.mark.slow
def test_features_and_logits(names):
  names['clip'] = np.zeros([2, 16, 224, 224, 3], np.float32)
  exec(block_with('feature_network', {}), names)
  assert names['logits'].shape == (2, 7)
  assert names['features'].shape == (2, 64)
