"""How every script starts: flags, one-line errors, exit statuses."""

import math
import os
import pathlib
import signal
import sys

from absl import app, flags, logging

from two_stream import errors
from two_stream.terminal import progress, stderr

# A flag belongs to the script that defines it, also by `define_path`.
flags.disclaim_key_flags()


class _PathParser(flags.ArgumentParser):
  """Makes paths absolute, by the folder in which the script was started."""

  syntactic_help = 'a path'

  def parse(self, argument):
    """Returns a str; `..` behind a link means what it means to the system."""
    if not argument:
      raise ValueError('a path is empty')
    return str(pathlib.Path(argument).absolute())

  def flag_type(self):
    """What `--helpxml` calls it."""
    return 'path'


def define_path(name, default, help, **options):
  """Defines a flag whose value is an absolute path.

  Libraries disagree about relative paths: TensorFlow's list of checkpoints has
  paths that are relative to its own folder.

  Args:
    name: of the flag.
    default: a path or None.
    help: text for `--help`.
    **options: as of `flags.DEFINE_string`, such as `required`.

  Returns:
    The flag's `flags.FlagHolder`; its value is a str, or None.
  """
  return flags.DEFINE(_PathParser(), name, default, help, **options)


def run(main):
  """Runs `main()` as an absl program.

  Flags are parsed first. A stray positional argument is refused: with absl
  `--imagenet_pretrained false` means `--imagenet_pretrained` and a stray
  `false`, which DeepMind's script ignored.

  Exit status: what `main` returns (None is 0); 1, with one line on stderr, for
  an `errors.InputError`, a stray argument, a bad flag, or a file or folder that
  the system refuses; 130 after Ctrl-C; 141 when nobody reads the output any
  more, as behind `| head`.

  What is printed can be told from what a file's name or content says: log and
  error lines have no control characters of foreign origin, and what the
  output's encoding lacks is escaped.

  Args:
    main: a function of no arguments.
  """

  def checked_main(argv):
    logging.get_absl_handler().addFilter(_beside_bars)
    logging.get_absl_handler().setFormatter(_Formatter())
    sys.stdout.reconfigure(errors='backslashreplace')
    try:
      refuse_stray_arguments(argv[1:])
      refuse_nul(flags.FLAGS.flag_values_dict())
      refuse_odd_numbers(flags.FLAGS.flag_values_dict())
      status = main()
      sys.stdout.flush()
      return status
    except errors.InputError as error:
      _print_error(error)
      return 1
    except KeyboardInterrupt:
      progress.make_room()
      print('interrupted', file=sys.stderr)
      return 130
    except BrokenPipeError:
      # Python flushes once more at the end.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      return 128 + signal.SIGPIPE
    except OSError as error:
      # With a name it is the user's file: no space, no permission, a link in a
      # loop, a name too long. A traceback says no more.
      if error.filename is None:
        raise
      _print_error(f'{error.filename}: {error.strerror}')
      return 1

  app.run(checked_main)


def _print_error(message):
  progress.make_room()
  print(f'error: {errors.printable(message)}', file=sys.stderr)


class _Formatter(logging.PythonFormatter):
  """Escapes messages; further lines of one are indented, so none is forged."""

  def formatMessage(self, record):  # noqa: D102, N802 (as logging has it)
    lines = super().formatMessage(record).split('\n')
    return '\n    '.join(map(errors.printable, lines))


def _beside_bars(record):
  """A filter of logging that lets all pass, on lines of their own."""
  del record
  progress.make_room()
  return True


def refuse_stray_arguments(arguments):
  """Raises InputError if anything but flags was on the command line."""
  if not arguments:
    return
  remedy = 'every option is a flag, see --help'
  if arguments[0].lower() in ('true', 'false', '0', '1', 'yes', 'no'):
    remedy = (
      'a boolean flag takes no separate value; write --flag or --noflag, '
      'for instance --noimagenet_pretrained'
    )
  raise errors.InputError(f'unexpected argument {arguments[0]!r}: {remedy}')


def refuse_nul(values):
  """Raises InputError for a flag's value that no file name can be.

  A command line cannot hold one, but a --flagfile can.

  Args:
    values: name of a flag -> its value.
  """
  for name, value in values.items():
    parts = value if isinstance(value, list) else [value]
    if any('\0' in part for part in parts if isinstance(part, str)):
      raise errors.InputError(f'--{name}: {value!r} has a NUL character in it')


def refuse_odd_numbers(values):
  """Raises InputError if a flag is infinite or not a number.

  No bound of a flag keeps NaN out, as it is neither smaller nor larger.

  Args:
    values: name of a flag -> its value.
  """
  for name, value in values.items():
    if isinstance(value, float) and not math.isfinite(value):
      raise errors.InputError(f'--{name}: {value} is no number to count with')


def start_tensorflow():
  """Imports TensorFlow, and leaves out of stderr what is no news.

  That are its notes and a few known lines, see no_news.py; other warnings and
  all errors are shown. A script calls this once its flags and files are
  checked, as the import takes seconds.
  """
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '1')
  stderr.leave_out_no_news()
  import tensorflow as tf  # noqa: PLC0415

  tf.config.list_physical_devices()
