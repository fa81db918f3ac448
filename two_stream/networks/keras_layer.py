"""The network as a Keras layer, so that `fit()` trains all of it.

    layer = keras_layer.I3DLayer(num_classes=5)
    checkpoints.restore(layer.network, path, without_logits=True)
    model = keras.Sequential([keras.Input([None, 224, 224, 3]), layer])

Keras 3 does not see the variables of a Sonnet module that is an attribute of a
layer. So a `keras.Variable` is made around each of them here. Both are the same
variable: what Keras trains, saves or loads is what the module computes with.
"""

import functools
from typing import Any

import keras
import tensorflow as tf

import i3d
from two_stream.networks import batch_norm, checkpoints


@keras.saving.register_keras_serializable(package='two_stream')
class I3DLayer(keras.layers.Layer):
  """A Keras layer that holds an `i3d.InceptionI3d`.

  BatchNorm uses and learns the batch's statistics if the layer is called with
  `training=True` and `layer.trainable` is true, which is Keras's rule.

  Attributes:
    network: the network. `checkpoints.restore` and `checkpoints.save` take it.
  """

  network: i3d.InceptionI3d

  def __init__(
    self,
    num_classes: int = 400,
    *,
    channels: int = 3,
    final_endpoint: str = 'Logits',
    depth_multiplier: float = 1.0,
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    batch_norm_decay: float = batch_norm.DECAY,
    **options: Any,
  ) -> None:
    """Makes the network and its variables, whose weights are random.

    Args:
      num_classes: number of logits.
      channels: channels of a frame: 3 is RGB, 2 is flow.
      final_endpoint: what the layer gives, see `i3d.InceptionI3d`. The network
        has no variables beyond it.
      depth_multiplier: see `i3d.InceptionI3d`.
      dropout: share of the features that are set to zero before the logits in
        training, in [0, 1).
      weight_decay: factor of half the sum of the squared weights of all
        convolutions, which Keras adds to the loss.
      batch_norm_decay: weight of the old value in BatchNorm's moving averages.
      **options: those of every Keras layer: `name`, `trainable`, `dtype`.

    Raises:
      ValueError: an argument is impossible, or Keras computes with another
        backend than TensorFlow or in another precision than float32.
    """
    super().__init__(**options)
    _check_keras(self.compute_dtype)
    if not 0 <= dropout < 1:
      raise ValueError(f'dropout={dropout}; it is a share in [0, 1)')
    # On a processor XLA made each step of a narrow network take ten times as
    # long. Keras would use XLA by default.
    self.supports_jit = False
    self._arguments = {
      'num_classes': num_classes,
      'channels': channels,
      'final_endpoint': final_endpoint,
      'depth_multiplier': depth_multiplier,
      'dropout': dropout,
      'weight_decay': weight_decay,
      'batch_norm_decay': batch_norm_decay,
    }
    self._keep_prob = 1 - dropout
    self.network = i3d.InceptionI3d(
      num_classes,
      final_endpoint=final_endpoint,
      depth_multiplier=depth_multiplier,
      unit=functools.partial(i3d.Unit3D, batch_norm_decay=batch_norm_decay),
    )
    regularizer = keras.regularizers.L2(weight_decay / 2)
    # Keras tracks the variables in a list that is an attribute.
    self._keras_variables = [
      _keras_variable(path, variable, regularizer if weight_decay else None)
      for path, variable in checkpoints.variables(
        self.network, channels
      ).items()
    ]
    self.built = True

  def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Computes the final endpoint of clips.

    Args:
      inputs: float32 [B, T, H, W, C], values in [-1, 1].
      training: whether dropout is active, and BatchNorm unless the layer is
        frozen.

    Raises:
      ValueError: the network cannot take the clips.
    """
    return self.network(
      inputs,
      is_training=bool(training and self.trainable),
      dropout_keep_prob=self._keep_prob if training else 1.0,
    )[0]

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor, for `model.save`."""
    return {**super().get_config(), **self._arguments}


def _check_keras(dtype: str) -> None:
  """Raises ValueError if Keras is set up for what the network cannot do."""
  if keras.backend.backend() != 'tensorflow':
    raise ValueError(
      f'Keras computes with {keras.backend.backend()}; set KERAS_BACKEND to '
      'tensorflow before Keras is imported'
    )
  if dtype != 'float32':
    raise ValueError(
      f"a layer that computes in {dtype}; this layer needs dtype='float32'"
    )


def _keras_variable(
  path: str, variable: tf.Variable, regularizer: Any
) -> keras.Variable:
  """Makes Keras's view of a variable of the network.

  Args:
    path: path of the variable in the network.
    variable: the variable.
    regularizer: what is added to the loss if the variable is the weights of a
      convolution.
  """
  # Keras allows no slash in a name.
  made = keras.Variable(
    variable, trainable=variable.trainable, name=path.replace('/', '.')
  )
  if made.value is not variable:
    raise ValueError(
      f'Keras {keras.__version__} copies variables; install 3.12 or later'
    )
  made.regularizer = regularizer if path.endswith('/w') else None
  return made
