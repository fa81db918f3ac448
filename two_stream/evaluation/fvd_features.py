"""From videos to the features of the Frechet video distance.

The features are the logits of DeepMind's network for Kinetics-400 that was
trained on RGB from scratch, averaged over time. google-research's official
program takes them from TF-Hub's `deepmind/i3d-kinetics-400/1` as
`RGB/inception_i3d/Mean:0`; the weights there are those of `rgb_scratch`.

    embed = fvd_features.Embedder('data/checkpoints/rgb_scratch/model.ckpt')
    distance = fvd.frechet_video_distance(real, generated, embed)
"""

import functools

import numpy as np

from two_stream import errors, files, identity
from two_stream.networks import (
  checkpoint_files,
  checkpoints,
  classifier,
  provenance,
)
from two_stream.video import pixels, tf1_bilinear

OFFICIAL_NETWORK = 'rgb_scratch'

# So many frames go through the network at a time: four clips of 16.
_BATCH_FRAMES = 64
# The official program allows values of -1.001 to 1.001 after scaling.
_TOLERANCE = 0.001 * 127.5


class Embedder:
  """A network that turns videos into features.

  It is made when it is first called, which takes a while.

  Args:
    checkpoint: the prefix of its checkpoint.

  Attributes:
    name: what the network is, for people.
    is_official: whether its weights are those that the FVD is defined with.
    digest: SHA-256 of its checkpoint.
    num_features: how many features a video has, 400 of the official network.

  Raises:
    InputError: the checkpoint cannot be used.
  """

  def __init__(self, checkpoint: files.PathLike) -> None:
    seen = identity.Identity(*checkpoint_files.load(checkpoint).files)
    description, values = checkpoints.read_network(checkpoint, 'RGB')
    seen.check()
    self._make_classifier = functools.partial(
      classifier.Classifier, values, description, name=str(checkpoint)
    )
    found = provenance.find(values)
    self.is_official = (
      found is not None
      and found.name == OFFICIAL_NETWORK
      and not found.differing
    )
    self.name = str(found or f'a network of {checkpoint}')
    self.digest = seen.digest
    self.num_features = description.num_classes

  @functools.cached_property
  def _classify(self) -> classifier.Classifier:
    return self._make_classifier()

  def __call__(self, videos: np.ndarray) -> np.ndarray:
    """Computes the features of videos in memory.

    Args:
      videos: [N, T, H, W, 3], values from 0 to 255, T >= 9.

    Returns:
      float32 [N, `num_features`].

    Raises:
      InputError: the array is no set of videos with such values.
    """
    check_videos(videos)
    size = batch_size(videos.shape[1])
    return np.concatenate(
      [
        self.of_clips(
          np.stack(
            [
              [tf1_bilinear.resize(frame, pixels.CROP_SIZE) for frame in video]
              for video in videos[start : start + size]
            ]
          )
        )
        for start in range(0, len(videos), size)
      ]
    )

  def of_clips(self, clips: np.ndarray) -> np.ndarray:
    """Computes the features of clips that are resized already.

    Args:
      clips: float32 [N, T, 224, 224, 3], values from 0 to 255.

    Returns:
      float32 [N, `num_features`].
    """
    # In the order of operations of the official program.
    return self._classify(2 * clips / 255 - 1)


def batch_size(num_frames: int) -> int:
  """Tells how many clips of so many frames go through the network at a time."""
  return max(1, _BATCH_FRAMES // num_frames)


def check_videos(videos: np.ndarray) -> None:
  """Raises InputError unless an array is a set of videos from 0 to 255."""
  if videos.ndim != 5 or videos.shape[4] != 3 or not videos.size:
    raise errors.InputError(
      f'videos have shape {list(videos.shape)}; a set is [videos, frames, '
      'height, width, 3]'
    )
  if videos.dtype.kind not in 'fiu':
    raise errors.InputError(f'videos hold {videos.dtype}, not numbers')
  low, high = videos.min(), videos.max()
  if not np.isfinite([low, high]).all():
    raise errors.InputError('videos have values that are not finite')
  if low < -_TOLERANCE or high > 255 + _TOLERANCE:
    raise errors.InputError(
      f'videos have values from {low:g} to {high:g}; the FVD takes 0 to 255'
    )
  if 0 < high <= 1:
    raise errors.InputError(
      f'videos have no value above {high:g}; the FVD takes 0 to 255, so '
      'multiply by 255'
    )
