"""The flags of the project's programs, read off their source."""

import ast
import functools
import pathlib
import shlex

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ('.', 'launch', 'demo', 'benchmarks', 'two_stream')


def scripts():
  """Paths of all files that define flags, from the checkout's root."""
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
def flags_of(script):
  """The flags that a file defines.

  Args:
    script: its path from the checkout's root.

  Returns:
    A set such as {'--evaluator', '--noevaluator', '--num_ps'}.
  """
  found = set()
  for node in ast.walk(ast.parse((ROOT / script).read_text())):
    if isinstance(node, ast.Call) and node.args:
      kind = getattr(node.func, 'attr', '')
      name = getattr(node.args[0], 'value', None)
      if kind.upper().startswith('DEFINE_') and isinstance(name, str):
        found.add(f'--{name}')
        if kind in {'DEFINE_bool', 'DEFINE_boolean'}:
          found.add(f'--no{name}')
  return found


def programs_of(command):
  """The project's programs that a shell command runs.

  Args:
    command: one line.

  Returns:
    A list of (path of the script, its arguments). What follows `--` on the
    command line of launch/local.py belongs to train.py.
  """
  found = []
  for part in command.split(' && '):
    words = shlex.split(part)
    for word in words:
      if ' ' in word:  # As --wrap='python preprocess_ssv2.py ...'.
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


def _script(words):
  for i, word in enumerate(words):
    if word == '-m' and words[i + 1].startswith(('benchmarks.', 'two_stream.')):
      return words[i + 1].replace('.', '/') + '.py', words[i + 2 :]
    if (word.endswith('.py') or word == 'launch/slurm.sbatch') and (
      ROOT / word
    ).is_file():
      return (None, []) if word.startswith('tests/') else (word, words[i + 1 :])
  return None, []
