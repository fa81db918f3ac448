"""The page of a long video shows its classes over time."""

import html.parser

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import timeline_page, window_answers

NAMES = ['<one>', 'two', 'three', 'four']
ANSWERS = [
  window_answers.Answer(start, start + 2, np.array(values))
  for start, values in (
    (1.0, [0.7, 0.29, 0.01, 0]),
    (2.0, [0.1, 0.89, 0.01, 0]),
    (3.0, [0.0, 0.9, 0.1, 0]),
  )
]
PICTURES = [np.zeros((224, 224, 3), np.uint8)] * 2


class Parser(html.parser.HTMLParser):
  """Collects the parts of each row."""

  def __init__(self):
    super().__init__()
    self.rows, self.text, self.depth = [], [], 0

  def handle_starttag(self, tag, attributes):  # noqa: D102 (its name)
    values = dict(attributes)
    if values.get('class') == 'row':
      self.rows.append([])
    elif 'opacity' in values.get('style', ''):
      pairs = (part.split(':') for part in values['style'].split(';'))
      self.rows[-1].append([float(v.strip(' %')) for _, v in pairs])

  def handle_data(self, data):  # noqa: D102 (its name)
    self.text.append(data)


def make(windows_per_picture=1):
  page = timeline_page.make(
    'folder/a.mp4', ANSWERS, NAMES, PICTURES, windows_per_picture
  )
  parser = Parser()
  parser.feed(page)
  return page, parser


def test_a_row_shows_when_a_class_is_probable():
  """Three and four are the top of no window; two is the most probable."""
  _, parser = make()
  two, one = parser.rows
  assert two == [[0, 25, 0.29], [25, 25, 0.89], [50, 50, 0.9]]
  assert one == [[0, 25, 0.7], [25, 25, 0.1]]
  names = [text for text in parser.text if text in NAMES]
  assert names == ['two', '<one>']
  assert '5.0' in parser.text


def test_the_page_says_what_it_shows():
  page, _ = make()
  assert '<h1>a.mp4</h1>' in page
  assert '3 windows, from second 1.00 to 5.00' in page
  assert 'the middle frame of each window' in page
  assert 'of every 4th window' in make(4)[0]
  assert 'data:image/webp;base64,' in page


def test_the_page_is_written(tmp_path):
  arguments = 'a.mp4', ANSWERS, NAMES, PICTURES, 1
  timeline_page.write(tmp_path / 'a.html', *arguments)
  assert (tmp_path / 'a.html').read_text() == make()[0]
  with pytest.raises(errors.InputError, match='choose another --report'):
    timeline_page.write(tmp_path / 'no' / 'a.html', *arguments)
