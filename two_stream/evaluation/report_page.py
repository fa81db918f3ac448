"""A page that shows a clip, its flow, and what each stream makes of them.

One HTML file with everything in it: it can be mailed, and opens offline.
"""

import base64
import html
import pathlib
import string

from two_stream import errors, files
from two_stream.evaluation import accuracy, animations, fusion, ranking
from two_stream.video import resampling

_NUM_CLASSES = 5

_PAGE = string.Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin-bottom: 0 }
h2 { font-size: 1.1em; margin: 1.5em 0 .3em }
p, figcaption { color: #666; margin: .3em 0 }
.clips { display: flex; flex-wrap: wrap; gap: 1.5em; align-items: end }
figure { margin: 1em 0 0 }
img { display: block }
.clip { width: 320px; border: 1px solid #ddd }
.class { display: flex; align-items: center; gap: .6em; margin: .2em 0 }
.name { flex: 0 0 26em; text-align: right }
.track { flex: 1; background: #eee; border-radius: 3px }
.bar { background: #2b6cb0; height: 1em; border-radius: 3px }
.share { flex: 0 0 4em }
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


def write(path, sample, clips, logits, names, frames_per_second):
  """Writes the page.

  Args:
    path: of the HTML file, or of a pipe or device to write it into.
    sample: path of what was classified.
    clips: stream -> float32 [1, T, H, W, channels], values in [-1, 1].
    logits: stream -> float32 [classes].
    names: of the classes.
    frames_per_second: of the clips; None where it is not known.

  Raises:
    InputError: the file cannot be written.
  """
  page = make(sample, clips, logits, names, frames_per_second)
  try:
    with files.open_result(path, 'w') as stream:
      stream.write(page)
  except OSError as error:
    raise errors.InputError(
      f'{path}: cannot be written: {error}; choose another --report'
    ) from error


def make(sample, clips, logits, names, frames_per_second):
  """Makes the text of the page; arguments as of `write`."""
  combined = fusion.with_joint(logits)
  # What both streams say together is the title, and comes before each alone.
  streams = sorted(combined, key=lambda stream: stream != fusion.JOINT)
  answers = {
    stream: ranking.top_classes(combined[stream], names, _NUM_CLASSES)
    for stream in streams
  }
  best = next(iter(answers.values()))[0]
  num_frames = next(iter(clips.values())).shape[1]
  return _PAGE.substitute(
    title=html.escape(best[2]),
    subtitle=html.escape(_describe(sample, num_frames, frames_per_second)),
    figures='\n'.join(
      _figures(clips, frames_per_second or resampling.FRAMES_PER_SECOND)
    ),
    charts='\n'.join(
      _chart(accuracy.ROWS[stream], rows) for stream, rows in answers.items()
    ),
  )


def _describe(sample, num_frames, frames_per_second):
  name = errors.printable(pathlib.Path(sample).name)
  text = f'{name}: {num_frames} frames'
  return f'{text}, {frames_per_second} a second' if frames_per_second else text


def _figures(clips, frames_per_second):
  """Yields the animations of the streams there are."""
  if 'rgb' in clips:
    frames = animations.rgb_frames(clips['rgb'][0])
    yield _animation(frames, frames_per_second, 'what the RGB stream sees')
  if 'flow' in clips:
    frames, longest = animations.flow_frames(clips['flow'][0])
    caption = 'what the Flow stream sees'
    yield _animation(frames, frames_per_second, caption)
    caption = f'direction of motion; the rim is {longest:.1f} pixels a frame'
    yield _figure('wheel', 'image/png', animations.flow_wheel(), caption)


def _animation(frames, frames_per_second, caption):
  data = animations.encode(frames, frames_per_second, '.webp')
  return _figure('clip', 'image/webp', data, caption)


def _figure(kind, media_type, data, caption):
  return _FIGURE.format(
    kind=kind,
    type=media_type,
    data=base64.b64encode(data).decode(),
    caption=html.escape(caption),
  )


def _chart(title, rows):
  bars = [
    _BAR.format(name=html.escape(name), percent=100 * float(probability))
    for probability, _, name in rows
  ]
  return '\n'.join([f'<h2>{html.escape(title)}</h2>', *bars])
