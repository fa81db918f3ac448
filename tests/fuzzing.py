"""Tries readers on the text that careless and hostile authors may write.

A reader may refuse a text with an `errors.InputError` of one printable line, or
return what its docstring promises. It may do nothing else.
"""

import json
import string
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
from hypothesis import strategies as st

from two_stream import errors

# Each of these was misread by some reader or by a function of Python.
_ODD_TEXTS = (
  *('', ' ', '\n', '\r', '\t', '\0', '\x1b[2J', '\x85', '\xa0', '\u2028'),
  *('\u202e', '\u200b', '\ufeff', '\ud800', '\udc80', '😀', '\u0661', '\u00b2'),
  *('0', '1', '-1', '00', '1_0', ' 1', '1 ', '1.0', '1e3', 'nan', 'inf'),
  *('-inf', '1e999', '9' * 30, '9' * 5000, '0x1', 'true', 'null', 'NaN', '..'),
  *('"', '\\', ';', ',', ':', '/', '[', ']', '{', '}', '[]', '"a":0,"a":0,'),
  *('x' * 140_000, '[' * 100_000),
)
_ODD_NUMBERS = (
  *(0, 1, -1, 2**31, 2**63, 10**18, 10**30, 10**400, 0.0, -0.0, 0.9, 1.0),
  *(1e308, float('inf'), float('-inf'), float('nan')),
)


def run(
  read: Callable[[Any], Any],
  inputs: st.SearchStrategy,
  check: Callable[[Any], Any],
  num_examples: int,
) -> tuple[int, ...]:
  """Calls a reader with many inputs, and fails if it breaks the rule above.

  Args:
    read: the reader, a function of one argument.
    inputs: a strategy of its argument.
    check: a function that takes what `read` returned and asserts that it is
      what was promised.
    num_examples: how many inputs are tried. Up to 1,000, they are the same in
      every run; more than that are different in every run.

  Returns:
    (number of inputs that were read, number of inputs that were refused).
  """
  outcomes = {'read': 0, 'refused': 0}

  @hypothesis.settings(
    max_examples=num_examples,
    derandomize=num_examples < 1000,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
  )
  @hypothesis.given(inputs)
  def attempt(value):
    try:
      result = read(value)
    except errors.InputError as error:
      assert str(error).isprintable()
      assert len(str(error)) < 1000
      outcomes['refused'] += 1
    else:
      check(result)
      outcomes['read'] += 1

  attempt()
  return tuple(outcomes.values())


def rarely(
  mostly: st.SearchStrategy, otherwise: st.SearchStrategy
) -> st.SearchStrategy:
  """Returns a strategy that draws from the second one time in eight."""
  return st.integers(0, 7).flatmap(lambda n: otherwise if n == 7 else mostly)


def texts() -> st.SearchStrategy[str]:
  """Returns a strategy of any text, including halves of surrogate pairs."""
  return st.one_of(
    st.sampled_from(_ODD_TEXTS),
    st.text(string.printable, max_size=20),
    st.text(st.characters(exclude_categories=()), max_size=20),
  )


def lists(elements: st.SearchStrategy) -> st.SearchStrategy[list]:
  """Returns a strategy of short lists, in which most elements differ."""
  return rarely(
    st.lists(elements, unique_by=repr, max_size=4),
    st.lists(elements, max_size=4),
  )


def values() -> st.SearchStrategy:
  """Returns a strategy of all values that Python writes as JSON."""
  return st.recursive(
    st.one_of(
      st.none(),
      st.booleans(),
      st.sampled_from(_ODD_NUMBERS),
      st.integers(),
      st.floats(),
      texts(),
    ),
    lambda inner: st.one_of(
      st.lists(inner, max_size=3), st.dictionaries(texts(), inner, max_size=3)
    ),
    max_leaves=6,
  )


def objects(
  odd: st.SearchStrategy, fields: Mapping[str, st.SearchStrategy]
) -> st.SearchStrategy[dict]:
  """Returns a strategy of dicts; fields may be missing or have odd values.

  Args:
    odd: a strategy of values that rarely take the place of a field's value.
    fields: {name: a strategy of its likely values}.
  """
  whole = st.fixed_dictionaries(
    {name: rarely(likely, odd) for name, likely in fields.items()}
  )
  some = st.fixed_dictionaries(
    {}, optional={name: rarely(likely, odd) for name, likely in fields.items()}
  )
  return rarely(whole, some)


def json_texts(content: st.SearchStrategy) -> st.SearchStrategy[str]:
  """Returns a strategy of JSON texts, in several styles and partly damaged."""
  return damaged(
    st.builds(
      lambda value, ascii_only, indent: json.dumps(
        value, ensure_ascii=ascii_only, indent=indent
      ),
      content,
      st.booleans(),
      st.sampled_from([None, 1]),
    )
  )


def damaged(whole: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
  """Returns a strategy of texts in which parts are missing, doubled or new."""
  place = st.floats(0, 1)

  def damage(text, places, inserted, times):
    first, last = sorted(round(place * len(text)) for place in places)
    middle = text[first:last] * times
    return text[:first] + middle + inserted + text[last:]

  return rarely(
    whole,
    st.builds(
      damage,
      whole,
      st.tuples(place, place),
      st.one_of(st.just(''), texts()),
      st.integers(0, 2),
    ),
  )


def files(content: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
  """Returns a strategy of files: encoded texts, and bytes that are no text."""
  encoded = content.map(lambda text: text.encode('utf-8', 'surrogatepass'))
  return rarely(
    encoded,
    st.one_of(
      encoded.map(lambda text: b'\xef\xbb\xbf' + text),
      encoded.map(lambda text: text.replace(b'\n', b'\r\n')),
      content.map(lambda text: text.encode('utf-16', 'surrogatepass')),
      st.binary(max_size=100),
    ),
  )
