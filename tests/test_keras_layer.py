"""Keras trains, freezes, saves and counts the network's own variables."""

import keras
import numpy as np
import pytest
import small_networks
import tensorflow as tf

from two_stream.networks import checkpoints, keras_layer

SMALL = 1 / 16


@pytest.fixture(name='clips', scope='module')
def make_clips():
  values = np.random.default_rng(0).uniform(-1, 1, [4, 8, 32, 32, 3])
  return values.astype(np.float32)


def first_units():
  """A layer that ends after three convolutions, which compiles quickly."""
  return keras_layer.I3DLayer(
    final_endpoint='Conv3d_2c_3x3', depth_multiplier=SMALL
  )


def with_head(layer):
  """A model that classifies what a layer gives."""
  model = keras.Sequential(
    [
      keras.Input([None, 32, 32, 3]),
      layer,
      keras.layers.GlobalAveragePooling3D(),
      keras.layers.Dense(2),
    ]
  )
  model.compile(
    keras.optimizers.SGD(0.1),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  return model


def values_of(layer):
  """Path in the network -> value."""
  return {
    path: variable.numpy()
    for path, variable in checkpoints.variables(layer.network).items()
  }


def changed(layer, before):
  """Paths of the variables that have another value than before."""
  return {
    path
    for path, value in values_of(layer).items()
    if np.any(value != before[path])
  }


def test_fit_changes_all_variables_and_predict_none(clips):
  layer = first_units()
  model = with_head(layer)
  before = values_of(layer)
  assert len(before) == 12
  model.predict(clips, verbose=0)
  assert changed(layer, before) == set()
  losses = model.fit(
    clips, np.array([0, 1, 0, 1]), batch_size=2, epochs=5, verbose=0
  )
  assert changed(layer, before) == before.keys()
  assert losses.history['loss'][-1] < losses.history['loss'][0]


def test_a_frozen_layer_stays_as_it_is(clips):
  layer = first_units()
  layer.trainable = False
  model = with_head(layer)
  before = values_of(layer)
  assert len(model.trainable_variables) == 2
  model.fit(clips, np.array([0, 1, 0, 1]), verbose=0)
  assert changed(layer, before) == set()
  np.testing.assert_array_equal(layer(clips, training=True), layer(clips))
  layer.trainable = True
  assert len(model.trainable_variables) == 8


def test_what_is_saved_computes_the_same(clips, tmp_path):
  model = with_head(first_units())
  model.fit(clips, np.array([0, 1, 0, 1]), verbose=0)
  expected = model.predict(clips, verbose=0)

  model.save_weights(tmp_path / 'a.weights.h5')
  other = with_head(first_units())
  other.load_weights(tmp_path / 'a.weights.h5')
  model.save(tmp_path / 'a.keras')
  loaded = keras.models.load_model(tmp_path / 'a.keras')
  for copy in (other, loaded):
    np.testing.assert_array_equal(copy.predict(clips, verbose=0), expected)


@pytest.mark.slow
def test_tensorflow_loads_what_keras_exports(clips, tmp_path):
  model = with_head(first_units())
  expected = model.predict(clips, verbose=0)
  model.export(tmp_path / 'saved', verbose=False)
  served = tf.saved_model.load(tmp_path / 'saved')
  np.testing.assert_allclose(served.serve(clips), expected, atol=1e-5)


def test_a_checkpoint_is_what_keras_computes_with(tmp_path):
  path = small_networks.write(tmp_path, 'flow_scratch', 5)
  layer = keras_layer.I3DLayer(5, channels=2, depth_multiplier=SMALL)
  checkpoints.restore(layer.network, path)
  stored = checkpoints.read(path)
  assert len(layer.trainable_variables) == 2 * 57 + 2
  assert len(layer.non_trainable_variables) == 2 * 57
  for variable in layer.variables:
    value = stored[variable.name.replace('.', '/')]
    np.testing.assert_array_equal(np.ravel(variable.value), np.ravel(value))
  clip = tf.random.stateless_uniform([1, 9, 224, 224, 2], [0, 0], -1, 1)
  np.testing.assert_array_equal(
    layer(clip), layer.network(clip, is_training=False)[0]
  )


@pytest.mark.slow
def test_keras_counts_the_parameters_of_the_published_network():
  lines = []
  model = keras.Sequential(
    [keras.Input([None, 224, 224, 3]), keras_layer.I3DLayer()]
  )
  model.summary(print_fn=lambda text, **_: lines.append(text))
  assert '12,704,544' in '\n'.join(lines)
  assert model.output_shape == (None, 400)


def test_the_weights_of_convolutions_decay():
  layer = keras_layer.I3DLayer(
    5, final_endpoint='Mixed_3b', depth_multiplier=SMALL, weight_decay=0.01
  )
  weights = [v for path, v in values_of(layer).items() if path.endswith('/w')]
  assert len(layer.losses) == len(weights) == 9
  expected = 0.01 * sum(np.sum(np.square(w)) / 2 for w in weights)
  np.testing.assert_allclose(sum(layer.losses), expected, rtol=1e-5)
  assert first_units().losses == []


@pytest.mark.slow
def test_dropout_is_for_training_alone():
  layer = keras_layer.I3DLayer(5, depth_multiplier=SMALL, dropout=0.5)
  layer.trainable = False  # BatchNorm would differ too.
  clip = tf.random.stateless_uniform([1, 9, 224, 224, 3], [0, 0], -1, 1)
  first, second = layer(clip, training=True), layer(clip, training=True)
  assert np.any(first != second)
  np.testing.assert_array_equal(layer(clip), layer(clip))


def test_wrong_clips_get_the_networks_error():
  layer = first_units()
  with pytest.raises(ValueError, match='divide by 127.5 and subtract 1'):
    layer(np.zeros([1, 8, 32, 32, 3], np.uint8))
  with pytest.raises(ValueError, match='with 2 channels; this network takes 3'):
    layer(np.zeros([1, 8, 32, 32, 2], np.float32))


def test_what_keras_cannot_do_here_is_refused(monkeypatch):
  with pytest.raises(ValueError, match="bfloat16; this layer needs dtype='flo"):
    keras_layer.I3DLayer(dtype='mixed_bfloat16')
  with pytest.raises(ValueError, match='dropout=1'):
    keras_layer.I3DLayer(dropout=1)
  monkeypatch.setattr(keras.backend, 'backend', lambda: 'jax')
  with pytest.raises(ValueError, match='computes with jax; set KERAS_BACKEND'):
    keras_layer.I3DLayer()
