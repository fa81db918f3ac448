"""Finds commands, links and headings in the project's documents."""

import functools
import pathlib
import re
from typing import NamedTuple

import markdown_it
import programs
from markdown_it.token import Token

ROOT = programs.ROOT
# Inline code that begins with one of these programs and has arguments is a
# command too.
_PROGRAMS = {
  *('python', 'pip', 'git', 'sbatch', 'kubectl', 'ruff', 'pre-commit'),
  'tensorboard',
}
_SCRIPT = re.compile(r'(\./)?(demo|launch)/\w+\.sh|\./\w+\.sh')


class Page(NamedTuple):
  """One document.

  Attributes:
    path: of the file.
    text: the content of the file, Markdown.
    commands: shell commands in their order, each as a single line.
    python: blocks of Python code.
    output: blocks that show output, folders or drawings.
    links: targets of links and pictures.
    anchors: names that a link may give after `#`.
    headings: texts of the headings; code keeps its back quotes.
  """

  path: pathlib.Path
  text: str
  commands: list[str]
  python: list[str]
  output: list[str]
  links: list[str]
  anchors: set[str]
  headings: list[str]


@functools.cache
def pages() -> dict[str, Page]:
  """Reads every document for users and contributors.

  Returns:
    {name, such as 'docs/data.md': `Page`}.
  """
  paths = [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    ROOT / 'CHANGELOG.md',
    ROOT / 'data' / 'README.md',
    *sorted((ROOT / 'docs').glob('*.md')),
  ]
  return {str(path.relative_to(ROOT)): _read(path) for path in paths}


def _read(path: pathlib.Path) -> Page:
  text = path.read_text(encoding='utf-8')
  tokens = markdown_it.MarkdownIt('commonmark').enable('table').parse(text)
  page = Page(path, text, [], [], [], [], set(), [])
  for token, following in zip(tokens, [*tokens[1:], Token('', '', 0)]):
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
        page.links.append(str(inline.attrs.get('href') or inline.attrs['src']))
  return page


def _commands(block: str) -> list[str]:
  """Returns the commands of a block; continued lines are joined."""
  lines = re.sub(r'\s*\\\n\s*', ' ', block).splitlines()
  return [line.strip() for line in lines if line.strip()]


def _is_command(code: str) -> bool:
  program, _, arguments = code.partition(' ')
  if _SCRIPT.fullmatch(program):
    return True
  return bool(arguments) and program.rpartition('/')[2] in _PROGRAMS


def _anchor(inline: Token, taken: set[str]) -> str:
  """Returns the name that GitHub gives to a heading."""
  text = ''.join(child.content for child in inline.children or ())
  name = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
  number = 0
  unique = name
  while unique in taken:
    number += 1
    unique = f'{name}-{number}'
  return unique
