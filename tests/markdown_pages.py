"""The project's documents, taken apart: commands, links, headings, flags."""

import functools
import pathlib
import re
from typing import NamedTuple

import markdown_it

ROOT = pathlib.Path(__file__).parent.parent
# An inline piece of code that begins so, and has arguments, is a command too.
_PROGRAMS = {
  *('python', 'pip', 'git', 'sbatch', 'kubectl', 'ruff', 'pre-commit'),
  'tensorboard',
}
_SCRIPT = re.compile(r'(\./)?(demo|launch)/\w+\.sh|\./\w+\.sh')


class Page(NamedTuple):
  """One document.

  Attributes:
    path: of the file.
    text: its Markdown.
    commands: shell commands, each in one line, in their order.
    python: blocks of Python.
    output: blocks that show output, folders or drawings.
    links: targets of links and pictures.
    anchors: what a link may name behind `#`.
    headings: their texts, with the back quotes of code.
  """

  path: pathlib.Path
  text: str
  commands: list
  python: list
  output: list
  links: list
  anchors: set
  headings: list


@functools.cache
def pages():
  """Reads every document for users and contributors.

  Returns:
    Name, such as 'docs/data.md' -> `Page`.
  """
  paths = [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    ROOT / 'CHANGELOG.md',
    ROOT / 'data' / 'README.md',
    *sorted((ROOT / 'docs').glob('*.md')),
  ]
  return {str(path.relative_to(ROOT)): _read(path) for path in paths}


def _read(path):
  text = path.read_text(encoding='utf-8')
  tokens = markdown_it.MarkdownIt('commonmark').enable('table').parse(text)
  page = Page(path, text, [], [], [], [], set(), [])
  for token, following in zip(tokens, [*tokens[1:], None]):
    if token.type == 'code_block' or (token.type, token.info) == (
      'fence',
      'sh',
    ):
      page.commands.extend(_commands(token.content))
    elif token.type == 'fence':
      blocks = {'python': page.python, 'text': page.output}
      blocks.get(token.info, []).append(token.content)
    elif token.type == 'heading_open':
      page.headings.append(following.content)
      page.anchors.add(_anchor(following, page.anchors))
    for inline in token.children or ():
      if inline.type == 'code_inline' and _is_command(inline.content):
        page.commands.append(inline.content)
      elif inline.type in {'link_open', 'image'}:
        page.links.append(inline.attrs.get('href') or inline.attrs['src'])
  return page


def _commands(block):
  """The commands of a block, without comments; continued lines are joined."""
  lines = re.sub(r'\s*\\\n\s*', ' ', block).splitlines()
  return [line.strip() for line in lines if line.strip()]


def _is_command(code):
  program, _, arguments = code.partition(' ')
  if _SCRIPT.fullmatch(program):
    return True
  return bool(arguments) and program.rpartition('/')[2] in _PROGRAMS


def _anchor(inline, taken):
  """The name that GitHub gives a heading."""
  text = ''.join(child.content for child in inline.children)
  name = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
  number = 0
  unique = name
  while unique in taken:
    number += 1
    unique = f'{name}-{number}'
  return unique
