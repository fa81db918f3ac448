"""What decides the features of a video, without loading TensorFlow."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from two_stream import errors, recipe
from two_stream.evaluation import windows
from two_stream.video import pixels, resampling

# These are `feature_network.ENDPOINTS`; a test compares them.
ENDPOINTS = (
  *('pooled', 'Conv3d_1a_7x7', 'MaxPool3d_2a_3x3', 'Conv3d_2b_1x1'),
  *('Conv3d_2c_3x3', 'MaxPool3d_3a_3x3', 'Mixed_3b', 'Mixed_3c'),
  *('MaxPool3d_4a_3x3', 'Mixed_4b', 'Mixed_4c', 'Mixed_4d', 'Mixed_4e'),
  *('Mixed_4f', 'MaxPool3d_5a_2x2', 'Mixed_5b', 'Mixed_5c', 'Logits'),
  'Predictions',
)
# Time is halved three times; eight frames are one step of Mixed_5c.
_MIN_FRAMES = 8
NUM_CROPS = (1, 10)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureSettings:
  """How features are made.

  Attributes:
    eval_type: a key of `data_directory.EVALUATIONS`.
    checkpoints: stream -> the digest of the files of its checkpoint.
    endpoint: one of `ENDPOINTS`.
    window_frames: the length of a window.
    stride_frames: how many frames later the next window begins.
    is_padded: see `windows.WindowPlan`.
    num_crops: one of `NUM_CROPS`.
    frames_per_second: of the clips; None keeps the frames of the videos.
    precision: of weights and activations, 'float32' or 'bfloat16'.
    is_of_records: whether the frames are those of records.

  Raises:
    InputError: such windows are too short for the endpoint.
  """

  eval_type: str
  checkpoints: Mapping[str, str]
  endpoint: str = 'pooled'
  window_frames: int = 64
  stride_frames: int = 16
  is_padded: bool = False
  num_crops: int = 1
  frames_per_second: int | None = resampling.FRAMES_PER_SECOND
  precision: str = 'float32'
  is_of_records: bool = False

  def __post_init__(self) -> None:
    if self.window_frames < self.min_frames:
      raise errors.InputError(
        f'--window_frames={self.window_frames}: {self.endpoint} needs at least '
        f'{self.min_frames} frames'
      )

  @property
  def min_frames(self) -> int:
    """The least frames of a window."""
    has_logits = self.endpoint in {'Logits', 'Predictions'}
    return recipe.MIN_FRAMES if has_logits else _MIN_FRAMES

  @property
  def plan(self) -> windows.WindowPlan:
    """The windows of each video."""
    return windows.WindowPlan(
      num_frames=self.window_frames,
      stride=self.stride_frames,
      is_padded=self.is_padded,
      min_frames=self.min_frames,
      frames_per_second=self.frames_per_second,
    )

  def parameters(self) -> dict[str, Any]:
    """Lists everything that decides the features, as values of JSON."""
    return {
      'eval_type': self.eval_type,
      'checkpoints': dict(self.checkpoints),
      'endpoint': self.endpoint,
      'window_frames': self.window_frames,
      'stride_frames': self.stride_frames,
      'padded': self.is_padded,
      'crops': self.num_crops,
      'frames_per_second': self.frames_per_second or resampling.NATIVE,
      'precision': self.precision,
      'frames_of': 'records' if self.is_of_records else 'videos',
      'short_side': pixels.SHORT_SIDE,
    }
