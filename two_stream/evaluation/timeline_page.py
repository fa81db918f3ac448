"""A page that shows which classes a long video shows when.

Below the video stands a strip: a row for each class, from the first second to
the last. A part of a row is the darker, the more probable the class is in the
window that begins there.
"""

import html
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from two_stream import errors, files
from two_stream.evaluation import ranking, report_page, window_answers

_MOST_CLASSES = 12
_PICTURES_PER_SECOND = 6
_NUM_TICKS = 6
# Fainter parts would not be seen.
_LEAST_PROBABILITY = 0.02

_STYLE = """<style>
.strip { display: grid; grid-template-columns: 16em 1fr; gap: .3em .6em;
         align-items: center }
.row { position: relative; height: 1em; background: #eee; border-radius: 3px;
       overflow: hidden }
.row div { position: absolute; height: 100%; background: #2b6cb0 }
.seconds { display: flex; justify-content: space-between; color: #666 }
@media (max-width: 50em) {
  .strip { grid-template-columns: 1fr }
  .strip .name { grid-column: auto; margin-top: .3em }
}
</style>"""


def write(
  path: files.PathLike,
  sample: files.PathLike,
  answers: Sequence[window_answers.Answer],
  names: Sequence[str],
  pictures: Sequence[np.ndarray],
  windows_per_picture: int,
) -> None:
  """Writes the page.

  Args:
    path: path of the HTML file; a pipe or a device is written into.
    sample: path of the video.
    answers: of all windows, at least one, in the order of time.
    names: the class names, in the order of the logits.
    pictures: the middle frames of some windows, uint8 [H, W, 3].
    windows_per_picture: every how many windows have a picture.

  Raises:
    InputError: the file cannot be written.
  """
  page = make(sample, answers, names, pictures, windows_per_picture)
  report_page.write_page(path, page)


def make(
  sample: files.PathLike,
  answers: Sequence[window_answers.Answer],
  names: Sequence[str],
  pictures: Sequence[np.ndarray],
  windows_per_picture: int,
) -> str:
  """Returns the text of the page; the arguments are those of `write`."""
  name = errors.printable(pathlib.Path(sample).name)
  which = {1: 'each', 2: 'every second'}.get(
    windows_per_picture, f'every {windows_per_picture}th'
  )
  return report_page.PAGE.substitute(
    title=html.escape(name),
    subtitle=f'{len(answers)} windows, from second {answers[0].start:.2f} to '
    f'{answers[-1].end:.2f}',
    figures=report_page.animation(
      np.stack(pictures),
      _PICTURES_PER_SECOND,
      f'the middle frame of {which} window',
    ),
    charts='\n'.join(
      [_STYLE, '<h2>What is shown when</h2>', *_strip(answers, names)]
    ),
  )


def _strip(
  answers: Sequence[window_answers.Answer], names: Sequence[str]
) -> Iterator[str]:
  """Yields the HTML of the strip."""
  first, last = answers[0].start, answers[-1].end
  # A window shows up to the next one's beginning.
  ends = [*(answer.start for answer in answers[1:]), last]
  percent = lambda seconds: 100 * (seconds - first) / max(last - first, 1e-9)
  yield '<div class="strip">'
  for index in _classes(answers):
    yield f'<div class="name">{html.escape(names[index])}</div>'
    yield '<div class="row">'
    for answer, end in zip(answers, ends):
      probability = float(answer.probabilities[index])
      if probability >= _LEAST_PROBABILITY:
        left = percent(answer.start)
        yield (
          f'<div style="left: {left:.3f}%; width: {percent(end) - left:.3f}%; '
          f'opacity: {probability:.2f}" title="{answer.start:.2f}-'
          f'{answer.end:.2f} s: {100 * probability:.1f} %"></div>'
        )
    yield '</div>'
  yield '<div class="name">seconds</div><div class="seconds">'
  for tick in np.linspace(first, last, _NUM_TICKS):
    yield f'<span>{tick:.1f}</span>'
  yield '</div></div>'


def _classes(answers: Sequence[window_answers.Answer]) -> list[int]:
  """Chooses the classes: those that are the top of a window.

  Returns:
    Their indices. The class comes first whose probabilities have the largest
    sum.
  """
  top = {int(ranking.best(each.probabilities, 1)[0]) for each in answers}
  total = np.sum([each.probabilities for each in answers], axis=0)
  return sorted(top, key=lambda index: (-total[index], index))[:_MOST_CLASSES]
