"""How scripts end."""

import os
import pathlib
import signal
import subprocess
import sys

import printed
import programs
import pytest

from two_stream import cli, errors

pytestmark = pytest.mark.process

PROGRAM = r"""
import logging, pathlib, sys
from absl import flags
from two_stream import cli, errors
EVIL = 'a\x1b[2J\nerror: b\u202e\udcff.webm'
flags.DEFINE_boolean('imagenet_pretrained', True, 'help text')
flags.DEFINE_string('outcome', 'return', 'help text')
flags.DEFINE_float('share', 0.5, 'help text', 0, 1)
cli.define_path('folder', None, 'help text')
def main():
  outcome = flags.FLAGS.outcome
  if outcome == 'input':
    raise errors.InputError('clip.npy has 8 frames')
  if outcome == 'evil':
    raise errors.InputError(f'{EVIL}: gone')
  if outcome == 'log':
    logging.warning('%s: first line\nsecond line', EVIL)
  if outcome == 'surrogate':
    print('naïve', EVIL[-6])
  if outcome == 'loop':
    pathlib.Path('loop').symlink_to('loop')
    pathlib.Path('loop').open()
  if outcome == 'long':
    pathlib.Path(300 * 'a').stat()
  if outcome == 'folder':
    pathlib.Path('/dev/null/a').open()
  if outcome == 'nameless':
    raise ConnectionResetError(104, 'Connection reset by peer')
  if outcome == 'interrupt':
    raise KeyboardInterrupt
  if outcome == 'path':
    print(flags.FLAGS.folder)
  if outcome == 'print':
    print('a line\n' * 100_000)
  if outcome == 'oom':
    kind = type('FullError', (Exception,), {'__module__': 'tensorflow.errors'})
    raise kind('Graph execution error:\n\nOOM when allocating tensor\n\t [[')
  if outcome == 'bug':
    raise RuntimeError('a bug')
  return 3 if outcome == 'three' else None
cli.run(main)
"""


def run(*arguments, **options):
  return programs.run_code(PROGRAM, *arguments, **options)


@pytest.mark.parametrize(
  'outcome, status', [('return', 0), ('three', 3), ('interrupt', 130)]
)
def test_exit_statuses(outcome, status):
  result = run(f'--outcome={outcome}')
  assert result.returncode == status
  assert 'Traceback' not in result.stderr


def test_ctrl_c_before_the_flags_are_read_is_no_traceback():
  """The imports of a script take a part of a second."""
  result = programs.run_code(
    'from two_stream import cli\nraise KeyboardInterrupt'
  )
  assert result.returncode == -signal.SIGINT  # A shell shows 130.
  assert result.stderr == 'interrupted\n'


INTERRUPTED = """
import atexit, os, signal, time
# A job in the background of a shell script ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from two_stream import cli
class Interrupted:
  def __del__(self):
    interrupt()
def interrupt():
  os.kill(os.getpid(), signal.SIGINT)
  time.sleep(1)
def twice():
  atexit.register(interrupt)
  interrupt()
def in_destructor():
  Interrupted()
  print('goes on')
"""


@pytest.mark.parametrize(
  ('when', 'said'), [('twice', 'interrupted\n'), ('in_destructor', '')]
)
def test_ctrl_c_where_python_ignores_exceptions_is_no_traceback(when, said):
  """At the end of a program that was interrupted, and in a destructor."""
  result = programs.run_code(f'{INTERRUPTED}cli.run({when})')
  assert result.returncode == -signal.SIGINT
  assert result.stderr == said
  assert result.stdout == ''


def test_help_that_cannot_be_written_is_one_line():
  with pathlib.Path('/dev/full').open('w') as full:
    result = run('--help', stdout=full, stderr=subprocess.PIPE)
  assert result.returncode == 1
  assert result.stderr == 'error: standard output: No space left on device\n'


def test_output_that_nobody_reads_ends_quietly():
  with programs.started_code(
    PROGRAM,
    '--outcome=print',
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  ) as process:
    assert process.stdout.readline() == b'a line\n'
    process.stdout.close()
    assert process.stderr.read() == b''
    assert process.wait() == 141


def test_a_users_mistake_is_one_line_and_status_1():
  result = run('--outcome=input')
  assert result.returncode == 1
  assert result.stderr == 'error: clip.npy has 8 frames\n'


def test_a_full_memory_is_one_line():
  result = run('--outcome=oom')
  assert result.returncode == 1
  assert result.stderr == (
    'error: OOM when allocating tensor; use fewer or shorter clips at a time, '
    'or --precision=bfloat16\n'
  )


@pytest.mark.parametrize('outcome', ['bug', 'nameless'])
def test_a_bug_keeps_its_traceback(outcome):
  result = run(f'--outcome={outcome}')
  assert result.returncode == 1
  assert 'Traceback' in result.stderr


@pytest.mark.parametrize(
  ('outcome', 'message'),
  [
    ('loop', 'loop: Too many levels of symbolic links'),
    ('long', f'{300 * "a"}: File name too long'),
    ('folder', '/dev/null/a: Not a directory'),
  ],
)
def test_a_file_that_the_system_refuses_is_one_line(tmp_path, outcome, message):
  result = run(f'--outcome={outcome}', cwd=tmp_path)
  assert result.returncode == 1
  assert result.stderr == f'error: {message}\n'


LONG = 300 * 'a'  # No file name may be so long.


@pytest.mark.parametrize(
  'command',
  [
    f'evaluate_sample.py --data_dir={LONG}',
    f'evaluate_sample.py --sample={LONG}',
    f'evaluate_split.py --data_dir={LONG} --records_dir=.',
    f'evaluate_split.py --records_dir={LONG}',
    f'preprocess_ssv2.py --videos_dir=. --labels_dir={LONG} --output_dir=.',
  ],
)
def test_a_path_that_cannot_be_is_one_line_of_every_script(tmp_path, command):
  script, *arguments = command.split()
  result = programs.run_script(script, *arguments, cwd=tmp_path)
  printed.assert_one_line_error(result, LONG)


ESCAPED = r'a\x1b[2J\nerror: b\u202e\udcff.webm'


def test_an_error_shows_control_characters_and_obeys_none():
  result = run('--outcome=evil')
  assert result.returncode == 1
  assert result.stderr == f'error: {ESCAPED}: gone\n'


def test_a_log_line_shows_control_characters_and_obeys_none():
  first, *others = run('--outcome=log').stderr.splitlines()
  assert first.endswith(r'] a\x1b[2J')
  # The further lines of a message are not taken for messages of their own.
  assert others == [
    r'    error: b\u202e\udcff.webm: first line',
    '    second line',
  ]


def test_a_name_that_is_no_text_can_be_printed():
  for environment in ({}, {'PYTHONIOENCODING': 'ascii:strict'}):
    result = run('--outcome=surrogate', env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith('ve \\udcff\n')


def test_a_flag_that_no_file_name_can_be_is_one_line(tmp_path):
  (tmp_path / 'flags').write_bytes(b'--outcome=a\0b\n')
  result = run(f'--flagfile={tmp_path / "flags"}')
  assert result.returncode == 1
  message = r"--outcome: 'a\x00b' has a NUL character in it"
  assert result.stderr == f'error: {message}\n'


def test_a_boolean_given_as_a_word_is_refused_with_the_right_spelling():
  result = run('--imagenet_pretrained', 'false')
  assert result.returncode == 1
  assert '--noimagenet_pretrained' in result.stderr
  assert result.stderr.count('\n') == 1


def test_a_stray_argument_is_refused():
  result = run('clip.mp4')
  assert result.returncode == 1
  assert result.stderr.startswith("error: unexpected argument 'clip.mp4'")


def test_an_unknown_flag_is_refused():
  result = run('--eval_typ=rgb')
  assert result.returncode == 1
  assert result.stderr.startswith('error: Unknown command line flag')
  assert result.stderr.endswith('; see --help\n')
  assert result.stderr.count('\n') == 1


@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
def test_a_number_that_is_none_is_refused(value):
  result = run(f'--share={value}')
  assert result.returncode == 1
  assert 'share' in result.stderr
  assert 'Traceback' not in result.stderr


def test_help_explains_the_flags():
  result = run('--help')
  assert 'imagenet_pretrained' in result.stdout
  assert '--folder' in result.stdout


def test_a_path_is_absolute_and_leads_where_it_led(tmp_path):
  """`..` behind a link is the folder above the one that it leads to."""
  (tmp_path / 'work').mkdir()
  (tmp_path / 'far' / 'away').mkdir(parents=True)
  (tmp_path / 'work' / 'link').symlink_to(tmp_path / 'far' / 'away')
  result = run(
    '--outcome=path',
    '--folder=link/../x',
    cwd=tmp_path / 'work',
  )
  path = pathlib.Path(result.stdout.rstrip('\n'))
  assert path.is_absolute()
  assert path.resolve() == tmp_path.resolve() / 'far' / 'x'
  assert run('--outcome=path', '--folder=/x').stdout == '/x\n'
  assert run('--outcome=path').stdout == 'None\n'


def test_an_empty_path_is_not_the_working_folder():
  """As `--folder=$FOLDER` gives it when the variable is not set."""
  result = run('--outcome=path', '--folder=')
  assert result.returncode == 1
  assert 'a path is empty' in result.stderr
  assert 'Traceback' not in result.stderr


# Stands in for TensorFlow, and writes to the file descriptor as C++ does.
TENSORFLOW = """
import os, types
os.write(2, b'I0000 00:00:1795.5 54 cudart_stub.cc:31] Could not find cuda '
            b'drivers on your machine, GPU will not be used.\\n')
os.write(2, b'E0000 00:00:1795.5 54 some_file.cc:1] what nobody knows\\n')
config = types.SimpleNamespace(list_physical_devices=lambda: None)
{}
"""


@pytest.mark.parametrize('end, status', [('', 0), ('os.abort()', -6)])
def test_of_tensorflows_import_what_is_news_is_shown(end, status, tmp_path):
  (tmp_path / 'tensorflow.py').write_text(TENSORFLOW.format(end))
  result = programs.run_code(
    'from two_stream import cli\ncli.start_tensorflow()',
    env={
      'PYTHONPATH': os.pathsep.join([str(tmp_path), str(programs.ROOT)]),
      'CUDA_VISIBLE_DEVICES': '',
    },
  )
  assert result.returncode == status
  assert result.stderr == (
    'E0000 00:00:1795.5 54 some_file.cc:1] what nobody knows\n'
  )


def run_with_output(redirection):
  """Runs the program by a shell that redirects its standard output."""
  command = f'exec "$0" -c "$1" --outcome=print {redirection}'
  return programs.run(
    ['sh', '-c', command, sys.executable, PROGRAM],
    env=programs.IMPORTABLE,
  )


def test_a_closed_standard_output_is_one_line():
  result = run_with_output('>&-')
  assert result.returncode == 1
  assert result.stderr == 'error: standard output is closed; open it\n'


def test_a_full_standard_output_is_one_line():
  result = run_with_output('> /dev/full')
  assert result.returncode == 1
  assert result.stderr == ('error: standard output: No space left on device\n')


def test_named_paths_are_absolute_and_in_order(tmp_path):
  program = (
    'from two_stream import cli\n'
    "cli.run(lambda a, b: print(a, b), ['FROM', 'TO'])\n"
  )
  result = programs.run_code(program, 'x', '/y/../z', cwd=tmp_path)
  assert result.stdout == f'{tmp_path}/x /y/../z\n'
  result = programs.run_code(program, 'x')
  printed.assert_one_line_error(result, 'TO is missing: -c FROM TO')


def test_an_output_replaces_no_input(tmp_path):
  video = tmp_path / 'video.mp4'
  link = tmp_path / 'link'
  link.symlink_to(tmp_path)
  for output, read in (
    (video, video),
    (link / 'video.mp4', video),
    (tmp_path / 'figure.json', tmp_path),
  ):
    with pytest.raises(errors.InputError, match='--output: .* would replace'):
      cli.refuse_overwriting('output', str(output), '/elsewhere', str(read))
  cli.refuse_overwriting('output', str(tmp_path / 'a'), str(video))
  cli.refuse_overwriting('output', None, str(video))
