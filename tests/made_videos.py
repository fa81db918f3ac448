"""Writes videos of unusual kinds with FFmpeg's encoders, for the tests."""

import pathlib
from collections.abc import Mapping, Sequence
from fractions import Fraction

import av
import numpy as np
import small_videos

FRAMES_PER_SECOND = 25


def write(
  path: pathlib.Path,
  frames: np.ndarray | Sequence[av.VideoFrame] | None = None,
  *,
  codec: str = 'libx264',
  rate: Fraction | int = FRAMES_PER_SECOND,
  pixels: str = 'yuv420p',
  options: Mapping[str, str] | None = None,
  container: str | None = None,
  ticks: Sequence[int] | None = None,
  sound_seconds: float = 0,
  colours: Mapping[str, int] | None = None,
  rotation: tuple[float, bool, bool] | None = None,
) -> pathlib.Path:
  """Writes a video.

  Args:
    path: of the file.
    frames: uint8 RGB [N, H, W, 3], or frames of that pixel format; by default
      `small_videos.textured_frames()`.
    codec: FFmpeg's name of the encoder.
    rate: frames per second.
    pixels: FFmpeg's name of the pixel format.
    options: those of the encoder.
    container: FFmpeg's name of the format; by default that of the name's end.
    ticks: when each frame is shown, in units of 1 / rate; by default 0, 1, ...
    sound_seconds: length of a sound beside the picture.
    colours: the numbers (H.273) of 'colorspace', 'color_range', 'color_trc' and
      'color_primaries'.
    rotation: (degrees counterclockwise, mirrored, upside down).

  Returns:
    The path.
  """
  if frames is None:
    frames = small_videos.textured_frames()
  if isinstance(frames, np.ndarray):
    frames = [
      av.VideoFrame.from_ndarray(np.ascontiguousarray(frame)).reformat(
        format=pixels, interpolation='BICUBIC'
      )
      for frame in frames
    ]
  with av.open(str(path), 'w', format=container) as file:
    stream = file.add_stream(codec, rate=rate, options=dict(options or {}))
    stream.width, stream.height = frames[0].width, frames[0].height
    stream.pix_fmt = pixels
    for name, value in (colours or {}).items():
      setattr(stream.codec_context, name, value)
    if rotation is not None:
      degrees, mirrored, upside_down = rotation
      stream.set_display_rotation(degrees, hflip=mirrored, vflip=upside_down)
    sound = file.add_stream('mp2', rate=48000) if sound_seconds else None
    for i, frame in enumerate(frames):
      frame.pts = i if ticks is None else ticks[i]
      frame.time_base = 1 / Fraction(rate)
      file.mux(stream.encode(frame))
    file.mux(stream.encode())
    if sound is not None:
      _write_silence(file, sound, sound_seconds)
  return path


def _write_silence(
  file: av.container.OutputContainer, sound: av.AudioStream, seconds: float
) -> None:
  silence = np.zeros((1, 1152), np.int16)
  for i in range(int(seconds * 48000 / 1152)):
    samples = av.AudioFrame.from_ndarray(silence, 's16', 'mono')
    samples.sample_rate, samples.pts = 48000, 1152 * i
    file.mux(sound.encode(samples))
  file.mux(sound.encode())


def remux(
  source: pathlib.Path,
  path: pathlib.Path,
  *,
  seconds_later: float = 0,
  container: str | None = None,
  options: Mapping[str, str] | None = None,
) -> pathlib.Path:
  """Copies the packets of a video to another file without encoding them.

  Args:
    source: the video.
    path: the new file.
    seconds_later: what is added to all times of the picture. Packets that begin
      before zero are kept, which an edit list of MP4 hides.
    container: FFmpeg's name of the format; by default that of the name's end.
    options: those of the container.

  Returns:
    The path.
  """
  with (
    av.open(str(source)) as file,
    av.open(
      str(path), 'w', format=container, options=dict(options or {})
    ) as copy,
  ):
    picture = file.streams.video[0]
    stream = copy.add_stream_from_template(picture)
    shift = round(seconds_later / picture.time_base)
    for packet in file.demux(picture):
      if packet.dts is not None:
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
        packet.stream = stream
        copy.mux(packet)
  return path


def interlaced(frames: np.ndarray) -> list[av.VideoFrame]:
  """Weaves pairs of frames into interlaced frames.

  The odd rows are the earlier ones, which is what the encoders write into the
  file if they are asked for interlaced video.

  Args:
    frames: uint8 RGB [2 N, H, W, 3].

  Returns:
    N frames yuv422p: odd rows show frame 2 n, even rows show frame 2 n + 1.
  """
  woven = frames[::2].copy()
  woven[:, ::2] = frames[1::2, ::2]
  return [
    av.VideoFrame.from_ndarray(frame).reformat(format='yuv422p')
    for frame in woven
  ]


def flat(
  colour: tuple[float, float, float],
  *,
  weights: tuple[float, float],
  full_range: bool,
  bits: int = 8,
  num_frames: int = 2,
) -> list[av.VideoFrame]:
  """Makes frames of one colour by the formulas of ITU-R BT.601, 709 and 2020.

  Args:
    colour: R, G and B, from 0 to 1.
    weights: of red and blue in the brightness (H.273, table 4).
    full_range: whether codes go from 0 to 2^bits - 1 (H.273, formula 26 ff.).
    bits: 8 or 10.
    num_frames: how many.

  Returns:
    Frames yuv444p or yuv444p10le of 64 x 48 pixels.
  """
  red, green, blue = colour
  of_red, of_blue = weights
  light = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
  differences = (
    (blue - light) / (2 * (1 - of_blue)),
    (red - light) / (2 * (1 - of_red)),
  )
  scale = 2 ** (bits - 8)
  top = 2**bits - 1
  if full_range:
    codes = [top * light, *(top * each + 128 * scale for each in differences)]
  else:
    codes = [
      scale * (219 * light + 16),
      *(scale * (224 * each + 128) for each in differences),
    ]
  return [_flat_frame(codes, bits) for _ in range(num_frames)]


def _flat_frame(codes: Sequence[float], bits: int) -> av.VideoFrame:
  name, kind = ('yuv444p', 'u1') if bits == 8 else ('yuv444p10le', '<u2')
  frame = av.VideoFrame(64, 48, name)
  for plane, code in zip(frame.planes, codes):
    value = np.array(min(round(code), 2**bits - 1), kind)
    plane.update(value.tobytes() * (plane.buffer_size // value.nbytes))
  return frame


def join(
  path: pathlib.Path, first: pathlib.Path, second: pathlib.Path
) -> pathlib.Path:
  """Joins two files of H.264 without encoding them, as recorders do.

  The new file's header is that of the first one. The second one's parameter
  sets, which its packets need, stand once, before its first packet.

  Returns:
    The path of the new file.
  """
  with (
    av.open(str(first)) as one,
    av.open(str(second)) as two,
    av.open(str(path), 'w') as joined,
  ):
    stream = joined.add_stream_from_template(one.streams.video[0])
    sets = _parameter_sets(two.streams.video[0].codec_context.extradata)
    later = 0
    for file, before in ((one, b''), (two, sets)):
      for packet in file.demux(video=0):
        if packet.dts is not None:
          copy = av.Packet(before + bytes(packet))
          copy.pts, copy.dts = packet.pts + later, packet.dts + later
          copy.duration, copy.time_base = packet.duration, packet.time_base
          copy.is_keyframe, copy.stream = packet.is_keyframe, stream
          end, before = copy.pts + copy.duration, b''  # noqa: PLW2901
          joined.mux(copy)
      later = end
  return path


def _parameter_sets(header: bytes) -> bytes:
  """Takes one SPS and one PPS from an avcC box (ISO/IEC 14496-15, 5.3.3)."""
  middle = 8 + int.from_bytes(header[6:8], 'big')
  end = middle + 3 + int.from_bytes(header[middle + 1 : middle + 3], 'big')
  found = header[8:middle], header[middle + 3 : end]
  return b''.join(len(each).to_bytes(4, 'big') + each for each in found)
