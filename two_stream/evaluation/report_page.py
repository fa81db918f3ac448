"""A page that shows a clip, its flow, and the top classes of each stream.

The page is one HTML file that contains its pictures. So it can be sent by mail
and opened offline.
"""

import base64
import html
import pathlib
import string
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from two_stream import errors, files
from two_stream.evaluation import accuracy, animations, fusion, ranking
from two_stream.video import resampling

_NUM_CLASSES = 5  # How many classes a chart shows.

PAGE = string.Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 64em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin-bottom: 0 }
h2 { font-size: 1.1em; margin: 1.5em 0 .3em }
p, figcaption { color: #666; margin: .3em 0 }
.clips { display: flex; flex-wrap: wrap; gap: 1.5em; align-items: end }
figure { margin: 1em 0 0 }
img { display: block }
.clip { width: 320px; max-width: 100%; box-sizing: border-box;
        border: 1px solid #ddd }
.wheel + figcaption { max-width: 12em }
.class { display: grid; grid-template-columns: 26em 1fr 4em;
         align-items: center; gap: .6em; margin: .2em 0 }
.name { text-align: right; overflow-wrap: anywhere }
.track { background: #eee; border-radius: 3px }
.bar { background: #2b6cb0; height: 1em; border-radius: 3px }
.share { white-space: nowrap }
@media (max-width: 50em) {
  .class { grid-template-columns: 1fr 4em; margin: .6em 0 }
  .name { grid-column: 1 / -1; text-align: left }
}
</style>
</head>
<body>
<h1>$title</h1>
<p>$subtitle</p>
<div class="clips">
$figures
</div>
$charts
</body>
</html>
""")
_FIGURE = """<figure>
<img class="{kind}" src="data:{type};base64,{data}" alt="{caption}">
<figcaption>{caption}</figcaption>
</figure>"""
_BAR = """<div class="class">
<div class="name">{name}</div>
<div class="track"><div class="bar" style="width: {percent:.2f}%"></div></div>
<div class="share">{percent:.1f} %</div>
</div>"""


def write(
  path: files.PathLike,
  sample: files.PathLike,
  clips: Mapping[str, np.ndarray],
  logits: Mapping[str, np.ndarray],
  names: Sequence[str],
  frames_per_second: float | None,
) -> None:
  """Writes the page.

  Args:
    path: path of the HTML file; a pipe or a device is written into.
    sample: path of the sample that was classified.
    clips: stream -> float32 [1, T, H, W, channels], values in [-1, 1].
    logits: stream -> float32 [classes].
    names: the class names, in the order of the logits.
    frames_per_second: of the clips; None if it is not known.

  Raises:
    InputError: the file cannot be written.
  """
  write_page(path, make(sample, clips, logits, names, frames_per_second))


def write_page(path: files.PathLike, page: str) -> None:
  """Writes the text of a page.

  Args:
    path: path of the HTML file; a pipe or a device is written into.
    page: its text.

  Raises:
    InputError: the file cannot be written.
  """
  with (
    files.errors_of_writing(path, 'choose another --report'),
    files.open_result(path, 'w') as stream,
  ):
    stream.write(page)


def make(
  sample: files.PathLike,
  clips: Mapping[str, np.ndarray],
  logits: Mapping[str, np.ndarray],
  names: Sequence[str],
  frames_per_second: float | None,
) -> str:
  """Returns the text of the page; the arguments are those of `write`."""
  combined = fusion.with_joint(logits)
  # Both streams together come first; their top class is the title of the page.
  streams = sorted(combined, key=lambda stream: stream != fusion.JOINT)
  answers = {
    stream: ranking.top_classes(combined[stream], names, _NUM_CLASSES)
    for stream in streams
  }
  best = next(iter(answers.values()))[0]
  num_frames = next(iter(clips.values())).shape[1]
  return PAGE.substitute(
    title=html.escape(best[2]),
    subtitle=html.escape(_describe(sample, num_frames, frames_per_second)),
    figures='\n'.join(
      _figures(clips, frames_per_second or resampling.FRAMES_PER_SECOND)
    ),
    charts='\n'.join(
      _chart(accuracy.ROWS[stream], rows) for stream, rows in answers.items()
    ),
  )


def _describe(
  sample: files.PathLike, num_frames: int, frames_per_second: float | None
) -> str:
  """Returns the line below the title."""
  name = errors.printable(pathlib.Path(sample).name)
  text = f'{name}: {num_frames} frames'
  return f'{text}, {frames_per_second} a second' if frames_per_second else text


def _figures(
  clips: Mapping[str, np.ndarray], frames_per_second: float
) -> Iterator[str]:
  """Yields the HTML of each animation, and of the wheel of flow colours."""
  if 'rgb' in clips:
    frames = animations.rgb_frames(clips['rgb'][0])
    yield animation(frames, frames_per_second, 'what the RGB stream sees')
  if 'flow' in clips:
    frames, longest = animations.flow_frames(clips['flow'][0])
    caption = 'what the Flow stream sees'
    yield animation(frames, frames_per_second, caption)
    caption = f'direction of motion; the rim is {longest:.1f} pixels a frame'
    yield _figure('wheel', 'image/png', animations.flow_wheel(), caption)


def animation(
  frames: np.ndarray, frames_per_second: float, caption: str
) -> str:
  """Returns the HTML of an animation.

  Args:
    frames: uint8 [T, H, W, 3], RGB.
    frames_per_second: how fast it plays.
    caption: what stands below it.
  """
  data = animations.encode(frames, frames_per_second, '.webp')
  return _figure('clip', 'image/webp', data, caption)


def _figure(kind: str, media_type: str, data: bytes, caption: str) -> str:
  return _FIGURE.format(
    kind=kind,
    type=media_type,
    data=base64.b64encode(data).decode(),
    caption=html.escape(caption),
  )


def _chart(
  title: str, rows: Sequence[tuple[np.floating, np.floating, str]]
) -> str:
  """Returns a bar chart of (probability, logit, class name) in HTML."""
  bars = [
    _BAR.format(name=html.escape(name), percent=100 * float(probability))
    for probability, _, name in rows
  ]
  return '\n'.join([f'<h2>{html.escape(title)}</h2>', *bars])
