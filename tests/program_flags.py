"""Finds the flags of the project's programs in their source."""

import ast
import functools
import re
import shlex

import programs

ROOT = programs.ROOT
FOLDERS = ('.', 'launch', 'demo', 'benchmarks', 'two_stream')


def scripts() -> list[str]:
  """Returns the paths, relative to the checkout, of files that define flags."""
  files = (
    path
    for folder in FOLDERS
    for path in (ROOT / folder).glob(
      '**/*.py' if folder == 'two_stream' else '*.py'
    )
  )
  names = (str(path.relative_to(ROOT)) for path in files)
  return sorted(name for name in names if flags_of(name))


@functools.cache
def flags_of(script: str) -> set[str]:
  """The flags that a file defines, or adopts from a module.

  Args:
    script: path of the file, relative to the checkout.

  Returns:
    A set such as {'--evaluator', '--noevaluator', '--num_ps'}.
  """
  found = set()
  for node in ast.walk(ast.parse(source_of(script))):
    if isinstance(node, ast.Call) and node.args:
      kind = getattr(node.func, 'attr', '')
      name = getattr(node.args[0], 'value', None)
      if kind.upper().startswith('DEFINE_') and isinstance(name, str):
        found.add(f'--{name}')
        if kind in {'DEFINE_bool', 'DEFINE_boolean'}:
          found.add(f'--no{name}')
  return found


def source_of(script: str) -> str:
  """Returns the source of a script and of the modules whose flags it adopts."""
  text = (ROOT / script).read_text()
  names = re.findall(r'adopt_module_key_flags\((\w+)\)', text)
  paths = (next((ROOT / 'two_stream').rglob(f'{name}.py')) for name in names)
  return text + ''.join(path.read_text() for path in paths)


def programs_of(command: str) -> list[tuple[str, list[str]]]:
  """The project's programs that a shell command runs.

  Args:
    command: one line.

  Returns:
    Pairs (path of the script, its arguments). In a command of launch/local.py,
    the arguments after `--` belong to train.py.
  """
  found: list[tuple[str, list[str]]] = []
  for part in command.split(' && '):
    words = shlex.split(part)
    for word in words:
      if ' ' in word:  # For example, --wrap='python preprocess_ssv2.py ...'.
        found.extend(programs_of(word.partition('=')[2]))
    script, arguments = _script(words)
    if script == 'launch/local.py' and '--' in arguments:
      end = arguments.index('--')
      found.append(('train.py', arguments[end + 1 :]))
      arguments = arguments[:end]
    if script == 'launch/slurm.sbatch':
      script = 'train.py'
    if script:
      found.append((script, arguments))
  return found


def _script(words: list[str]) -> tuple[str | None, list[str]]:
  for i, word in enumerate(words):
    if word == '-m' and words[i + 1].startswith(('benchmarks.', 'two_stream.')):
      return words[i + 1].replace('.', '/') + '.py', words[i + 2 :]
    if (word.endswith('.py') or word == 'launch/slurm.sbatch') and (
      ROOT / word
    ).is_file():
      return (None, []) if word.startswith('tests/') else (word, words[i + 1 :])
  return None, []
