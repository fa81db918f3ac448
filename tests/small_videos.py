"""Writes small videos, and files that are no videos, for the tests."""

import os
import pathlib
import struct
import wave

import cv2
import numpy as np

WIDTH, HEIGHT = 64, 48
FRAMES_PER_SECOND = 12


def textured_frames(
  num_frames: int = 10,
  size: tuple[int, int] = (WIDTH, HEIGHT),
  seed: int = 0,
  step: int = 2,
) -> np.ndarray:
  """Renders a texture that moves to the right by `step` pixels per frame.

  Brightness has fine detail and colour has coarse detail, because videos store
  colour at half the resolution.

  Returns:
    uint8 RGB [num_frames, height, width, 3].
  """
  width, height = size
  rng = np.random.default_rng(seed)
  noise = rng.uniform(0, 255, (height, width + step * num_frames, 4))
  brightness = _stretch(cv2.GaussianBlur(noise[..., :1], (0, 0), 2.5))
  colour = _stretch(cv2.GaussianBlur(noise[..., 1:], (0, 0), 10))
  texture = (0.7 * brightness[..., np.newaxis] + 0.3 * colour).astype(np.uint8)
  starts = [step * (num_frames - i) for i in range(num_frames)]
  return np.stack([texture[:, start : start + width] for start in starts])


def _stretch(image: np.ndarray) -> np.ndarray:
  return np.asarray(cv2.normalize(image, np.empty(0), 20, 235, cv2.NORM_MINMAX))


def write_video(
  path: pathlib.Path,
  frames: np.ndarray | None = None,
  fps: float = FRAMES_PER_SECOND,
  codec: str = 'VP90',
) -> pathlib.Path:
  """Writes a video; the default codec is VP9, that of Something-Something.

  The end of the file's name decides on the container; .webm means WebM.

  Args:
    path: of the file.
    frames: uint8 RGB [N, height, width, 3]; by default `textured_frames()`.
    fps: frames per second.
    codec: four letters that FFmpeg knows.

  Returns:
    The path.
  """
  frames = textured_frames() if frames is None else frames
  height, width = frames.shape[1:3]
  fourcc = cv2.VideoWriter.fourcc(*codec)
  writer = cv2.VideoWriter(
    str(path), cv2.CAP_FFMPEG, fourcc, fps, (width, height)
  )
  assert writer.isOpened()
  for frame in frames:
    writer.write(np.ascontiguousarray(frame[..., ::-1]))
  writer.release()
  return path


def write_truncated(path: pathlib.Path) -> pathlib.Path:
  """Writes a video whose second half is missing."""
  write_video(path, textured_frames(num_frames=24))
  whole = path.read_bytes()
  path.write_bytes(whole[: len(whole) // 2])
  return path


def write_reference(
  path: pathlib.Path, target: str | os.PathLike[str]
) -> pathlib.Path:
  """Writes a QuickTime file whose frames are those of the file `target`.

  The track's data reference is an alias record with an absolute path
  (QuickTime File Format, "Data Reference Atoms").
  """
  original = write_video(path, codec='mp4v').read_bytes()
  old = original.index(b'dref') - 4
  (old_size,) = struct.unpack_from('>I', original, old)
  name = os.fsencode(target)
  name += bytes(len(name) % 2)
  record = bytes(130) + struct.pack('>HH', 1, 1) + bytes(16)
  record += struct.pack('>HH', 2, len(name)) + name + b'\xff\xff' + bytes(20)
  entry = struct.pack('>I4sI', 12 + len(record), b'alis', 0) + record
  new = struct.pack('>I4sII', 16 + len(entry), b'dref', 0, 1) + entry
  content = bytearray(original[:old] + new + original[old + old_size :])
  for box in (b'moov', b'trak', b'mdia', b'minf', b'dinf'):
    start = content.index(box) - 4
    (size,) = struct.unpack_from('>I', content, start)
    struct.pack_into('>I', content, start, size + len(new) - old_size)
  frames = content.index(b'mdat') + 4
  (size,) = struct.unpack_from('>I', content, frames - 8)
  content[frames : frames + size - 8] = bytes(size - 8)
  path.write_bytes(content)
  return path


def write_audio(path: pathlib.Path) -> pathlib.Path:
  """Writes a sound file: one second of silence."""
  with wave.open(str(path), 'wb') as sound:
    sound.setnchannels(1)
    sound.setsampwidth(2)
    sound.setframerate(8000)
    sound.writeframes(bytes(16000))
  return path
