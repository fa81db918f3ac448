"""Trained networks as a SavedModel, which needs nothing but TensorFlow.

`tf.saved_model.load` reads it where this project is not installed, and so does
TensorFlow Serving. docs/serving.md describes the model for its users:

    saved_model.pb, variables/     what TensorFlow reads
    assets.extra/label_map.txt     the class names, in the order of the logits
    assets.extra/networks.json     which networks these are

The signature `classify`, which is the default, gives logits, probabilities and
the names of the top classes. The signature `features` gives the features that
extract_features.py calls `pooled`, and the logits of each time step. The inputs
have the names of the streams, rgb and flow.
"""

import pathlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

import i3d
from two_stream import documents, errors, files, recipe
from two_stream.networks import (
  any_weights,
  classifier,
  feature_network,
  provenance,
)

TOP_K = 5  # How many classes `classify` names.
SIZE = 224  # Height and width of a clip, as in DeepMind's network.
# Values of a clip may be so much larger than 1 by rounding, as in the official
# program of the Frechet video distance.
_MAX_VALUE = 1.001


class SavedModel(tf.Module):
  """The networks of one or both streams, folded, with their signatures.

  Attributes:
    classify: the signature of this name. Its inputs are one clip for each
      stream, float32 [B, T, 224, 224, channels], values in [-1, 1], T >= 9.
      Its outputs are `logits` and `probabilities`, float32 [B, classes];
      `top_classes`, string [B, k]; and `top_probabilities`, float32 [B, k],
      where k is 5, or the number of classes if that is smaller. The logits of
      two streams are added.
    features: the signature of this name. Its inputs are the same clips, T >= 1.
      Its outputs are, for each stream, `<stream>_pooled`, float32 [B, C], see
      feature_network.py, and `<stream>_logits_per_time`,
      float32 [B, ceil(T / 8) - 1, classes].
  """

  def __init__(
    self,
    networks: Mapping[str, any_weights.Network],
    class_names: Sequence[str],
    precision: str = 'float32',
  ) -> None:
    """Makes the model.

    Args:
      networks: stream -> its network; each network has the same classes.
      class_names: in the order of the logits.
      precision: of weights and activations, 'float32' or 'bfloat16'.

    Raises:
      InputError: the weights are so large that the folded ones overflow.
    """
    super().__init__(name='saved_model')
    self._class_names = list(class_names)
    self._dtype = tf.as_dtype(precision)
    self._networks = {}
    for stream, network in networks.items():
      folded = classifier.fold(
        network.values, network.description, self._dtype, 'Mixed_5c'
      )
      classifier.check_folded(f'the {stream} network', folded)
      self._networks[stream] = folded
    # A signature names its inputs as its specs are named.
    specs = [
      tf.TensorSpec(
        [None, None, SIZE, SIZE, recipe.STREAMS[stream].channels], name=stream
      )
      for stream in networks
    ]
    self.classify, self.features = (
      tf.function(compute, input_signature=specs, autograph=False)
      for compute in (self._classify, self._features)
    )

  def _classify(self, *clips: tf.Tensor) -> dict[str, tf.Tensor]:
    """Computes the signature `classify`; clips are in the streams' order.

    Of classes whose logits are equal, the one with the smallest index leads.
    """
    logits = tf.add_n(
      [
        tf.reduce_mean(self._networks[stream].logits_per_time(net), axis=1)
        for stream, net in self._mixed_5c(clips, i3d.MIN_FRAMES).items()
      ]
    )
    probabilities = tf.nn.softmax(logits)
    count = min(TOP_K, len(self._class_names))
    indices = tf.math.top_k(logits, count).indices
    return {
      'logits': logits,
      'probabilities': probabilities,
      'top_classes': tf.gather(tf.constant(self._class_names), indices),
      'top_probabilities': tf.gather(probabilities, indices, batch_dims=1),
    }

  def _features(self, *clips: tf.Tensor) -> dict[str, tf.Tensor]:
    """Computes the signature `features`; clips are in the streams' order."""
    outputs = {}
    for stream, net in self._mixed_5c(clips, min_frames=1).items():
      outputs[f'{stream}_pooled'] = feature_network.pooled(
        tf.cast(net, tf.float32)
      )
      # A single step of time has no logits, and the network would refuse it. So
      # the network gets the step twice, and the logits are dropped.
      steps = tf.shape(net)[1]
      twice = tf.tile(net, [1, tf.where(steps == 1, 2, 1), 1, 1, 1])
      per_time = self._networks[stream].logits_per_time(twice)
      outputs[f'{stream}_logits_per_time'] = per_time[:, : steps - 1]
    return outputs

  def _mixed_5c(
    self, clips: Sequence[tf.Tensor], min_frames: int
  ) -> dict[str, tf.Tensor]:
    """Returns stream -> Mixed_5c of its clips, which are checked first."""
    checked = _checked(dict(zip(self._networks, clips)), min_frames)
    return {
      stream: network(tf.cast(checked[stream], self._dtype), is_training=False)[
        0
      ]
      for stream, network in self._networks.items()
    }


def stream_of(network: any_weights.Network, name: files.PathLike) -> str:
  """Returns the stream of a network, a key of `recipe.STREAMS`.

  Args:
    network: the network.
    name: what the message calls the network, such as its path.

  Raises:
    InputError: it is a network of neither stream.
  """
  channels = network.description.channels
  for stream, wanted in recipe.STREAMS.items():
    if (network.scope, channels) == (wanted.scope, wanted.channels):
      return stream
  raise errors.InputError(
    f'{name} is a {network.scope} network for {channels} channels; an RGB '
    'network has 3 channels, and a Flow network 2'
  )


def write(
  networks: Mapping[str, any_weights.Network],
  class_names: Sequence[str],
  path: files.PathLike,
  rates: Mapping[str, int | str | None],
  precision: str = 'float32',
) -> None:
  """Writes a SavedModel, which appears complete or not at all.

  Args:
    networks: stream -> its network; each network has the same classes.
    class_names: in the order of the logits.
    path: the folder to make. Its parent is made if it is missing.
    rates: stream -> how many frames a second its network was trained on; None
      if nobody knows.
    precision: of weights and activations, 'float32' or 'bfloat16'.

  Raises:
    InputError: the weights overflow.
    OSError, tf.errors.OpError: the folder cannot be written.
  """
  model = SavedModel(networks, class_names, precision)
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.temporary_folder(path) as folder:
    # The temporary folder itself is closed to other users, such as a server.
    made = folder / 'model'
    tf.saved_model.save(
      model,
      str(made),
      signatures={
        'serving_default': model.classify,
        'classify': model.classify,
        'features': model.features,
      },
    )
    extra = made / 'assets.extra'
    extra.mkdir()
    (extra / 'label_map.txt').write_text(
      ''.join(f'{name}\n' for name in class_names), encoding='utf-8'
    )
    (extra / 'networks.json').write_text(
      documents.to_json(_description(networks, rates, precision), 2) + '\n',
      encoding='utf-8',
    )
    for file in made.rglob('*'):
      files.sync(file)
    made.rename(path)
  files.sync(path.parent)


def _checked(
  clips: Mapping[str, tf.Tensor], min_frames: int
) -> dict[str, tf.Tensor]:
  """Returns stream -> clips that its network can use.

  A TensorFlow graph cannot raise our errors. Its InvalidArgumentError has these
  texts, and so has the answer of TensorFlow Serving.
  """
  num_clips = tf.shape(next(iter(clips.values())))[0]
  checks = []
  for stream, clip in clips.items():
    for condition, message in (
      (num_clips >= 1, f'{stream}: there is no clip'),
      (
        tf.shape(clip)[1] >= min_frames,
        f'{stream}: a clip needs at least {min_frames} frame(s)',
      ),
      (
        tf.reduce_all(tf.abs(clip) <= _MAX_VALUE),  # This is false of NaN, too.
        f'{stream}: the values of a clip must be between -1 and 1',
      ),
      (
        tf.shape(clip)[0] == num_clips,
        f'{stream}: the streams have different numbers of clips',
      ),
    ):
      checks.append(tf.debugging.Assert(condition, [message]))
  with tf.control_dependencies(checks):
    return {stream: tf.identity(clip) for stream, clip in clips.items()}


def _description(
  networks: Mapping[str, any_weights.Network],
  rates: Mapping[str, int | str | None],
  precision: str,
) -> dict[str, object]:
  """Returns the content of networks.json."""
  return {
    'precision': precision,
    'classes': next(iter(networks.values())).description.num_classes,
    'networks': {
      stream: {
        'source': network.kind,
        'provenance': str(provenance.find(network.values) or '') or None,
        'notes': list(network.notes),
        'channels': network.description.channels,
        'depth_multiplier': network.description.depth_multiplier,
        'frames_per_second': rates[stream],
      }
      for stream, network in networks.items()
    },
    'tensorflow': tf.__version__,
  }
