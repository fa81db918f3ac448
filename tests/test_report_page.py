"""The page holds everything, and nothing that a file name smuggles in."""

import base64
import html.parser
import os
import pathlib
import re
import subprocess

import cv2
import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.evaluation import report_page
from two_stream.video import pixels

NAMES = ['Resting', 'Pushing <b>something</b> & "more"', 'Falling']
LOGITS = {
  'rgb': np.log(np.float32([0.1, 0.7, 0.2])),
  'flow': np.log(np.float32([0.1, 0.2, 0.7])),
}


def make_clips():
  frames = small_videos.textured_frames(10, (224, 224))
  flow = np.full([10, 224, 224, 2], (0.1, 0), np.float32)
  return {'rgb': pixels.scale_rgb(frames)[np.newaxis], 'flow': flow[np.newaxis]}


class Page(html.parser.HTMLParser):
  """Tags, text and images of a page."""

  def __init__(self, text):
    super().__init__()
    self.tags, self.texts, self.images, self.widths = [], [], {}, []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    """Keeps images, and how wide bars are."""
    self.tags.append(tag)
    attributes = dict(attrs)
    if tag == 'img':
      head, _, data = attributes['src'].partition(',')
      self.images[attributes['alt']] = head, base64.b64decode(data)
    if 'style' in attributes:
      self.widths.append(attributes['style'])

  def handle_data(self, data):
    """Keeps text."""
    if data.strip():
      self.texts.append(data.strip())


@pytest.fixture(name='page', scope='module')
def make_page():
  return report_page.make('a/<clip> & co.webm', make_clips(), LOGITS, NAMES, 12)


def test_the_page_needs_nothing_else(page):
  sources = re.findall('src="([^"]*)"', page)
  assert len(sources) == 3
  for source in sources:
    assert source.startswith('data:image/')
    page = page.replace(source, '')
  assert not re.search(r'//|@import|<script|<link|url\(', page)


def test_names_are_text_and_no_markup(page):
  parsed = Page(page)
  assert 'b' not in parsed.tags and 'clip' not in parsed.tags
  assert '<clip> & co.webm: 10 frames, 12 a second' in parsed.texts
  assert NAMES[1] in parsed.texts


def test_a_file_name_is_shown_and_not_obeyed(tmp_path):
  name = 'a\x1b[2J\u202e\n\udcff.webm'
  report_page.write(tmp_path / 'page', name, make_clips(), LOGITS, NAMES, 12)
  parsed = Page((tmp_path / 'page').read_text())
  assert r'a\x1b[2J\u202e\n\udcff.webm: 10 frames, 12 a second' in parsed.texts


@pytest.mark.process
def test_a_page_may_go_into_a_pipe_or_a_device(tmp_path, page):
  arguments = ('a/<clip> & co.webm', make_clips(), LOGITS, NAMES, 12)
  report_page.write('/dev/null', *arguments)
  assert pathlib.Path('/dev/null').is_char_device()
  os.mkfifo(tmp_path / 'fifo')
  with subprocess.Popen(
    ['cat', tmp_path / 'fifo'], stdout=subprocess.PIPE
  ) as reader:
    report_page.write(tmp_path / 'fifo', *arguments)
    assert reader.stdout.read().decode() == page


def test_bars_are_the_probabilities_of_each_stream_and_of_both(page):
  parsed = Page(page)
  headings = ['Two-Stream I3D', 'RGB-I3D', 'Flow-I3D']
  places = [parsed.texts.index(heading) for heading in headings]
  assert places == sorted(places)
  both = np.array([0.01, 0.14, 0.14]) / 0.29
  ends = [*places[1:], len(parsed.texts)]
  charts = [
    list(
      zip(parsed.texts[start + 1 : end : 2], parsed.texts[start + 2 : end : 2])
    )
    for start, end in zip(places, ends)
  ]
  shares = [dict(chart) for chart in charts]
  for i, name in enumerate(NAMES):
    for share, expected in zip(
      shares, (both, [0.1, 0.7, 0.2], [0.1, 0.2, 0.7])
    ):
      assert share[name] == f'{100 * expected[i]:.1f} %'
  assert charts[1][0] == (NAMES[1], '70.0 %')
  assert charts[2][0] == (NAMES[2], '70.0 %')
  assert parsed.widths[3] == 'width: 70.00%'


def test_the_animations_are_the_clip_and_its_flow(page):
  images = Page(page).images
  shown = {}
  for caption, (head, data) in images.items():
    if head == 'data:image/webp;base64':
      _, animation = cv2.imdecodeanimation(
        np.frombuffer(data, np.uint8)[np.newaxis]
      )
      shown[caption] = animation.frames
    else:
      assert head == 'data:image/png;base64'
  rgb, flow = shown.values()
  frames = small_videos.textured_frames(10, (224, 224))
  assert len(rgb) == 10
  assert np.abs(rgb[4][..., 2::-1].astype(int) - frames[4]).mean() < 4
  assert np.abs(flow[0][..., 2::-1].astype(int) - (255, 0, 0)).max() < 8
  assert 'direction of motion; the rim is 2.0 pixels a frame' in images


def test_one_stream_alone_is_shown_alone():
  clips = {'flow': make_clips()['flow']}
  page = Page(
    report_page.make('v', clips, {'flow': LOGITS['flow']}, NAMES, None)
  )
  assert page.tags.count('h2') == 1
  assert 'Falling' in page.texts[0]
  assert 'v: 10 frames' in page.texts
  assert len(page.images) == 2  # Flow and the wheel.


def test_a_page_that_cannot_be_written_is_the_users_error(tmp_path):
  path = tmp_path / 'gone' / 'report.html'
  with pytest.raises(errors.InputError, match='cannot be written.*--report'):
    report_page.write(path, 'v', make_clips(), LOGITS, NAMES, 12)
