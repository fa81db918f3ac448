"""Text of foreign origin is shown in one line, whatever it holds."""

import pathlib

import pytest

from two_stream import errors


@pytest.mark.parametrize(
  ('text', 'shown'),
  [
    ('Holding something', 'Holding something'),
    ('fünf 五', 'fünf 五'),
    ('a\x1b[2J', r'a\x1b[2J'),
    ('first\nerror: second\r', r'first\nerror: second\r'),
    ('left\u202eright', r'left\u202eright'),
    ('no\udcfftext', r'no\udcfftext'),
    (pathlib.Path('a\tb'), r'a\tb'),
  ],
)
def test_what_is_not_printable_is_escaped(text, shown):
  assert errors.printable(text) == shown


def test_a_users_mistake_is_a_value_that_is_wrong():
  assert issubclass(errors.InputError, ValueError)
