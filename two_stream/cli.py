"""How every script starts and ends: flags, one-line errors, exit statuses."""

import errno
import io
import math
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import app, flags, logging

from two_stream import errors
from two_stream.terminal import progress, stderr

# `--help` shows the flags of the script. A flag that a script defines by
# `define_path` is one of these, and not a flag of this module.
flags.disclaim_key_flags()


def _report_exception(kind: Any, error: Any, trace: Any) -> None:
  """Reports what nobody caught. Ctrl-C during the imports is no bug."""
  if issubclass(kind, KeyboardInterrupt):
    _end_at_once_by_ctrl_c()
    print('interrupted', file=sys.stderr)
  else:
    sys.__excepthook__(kind, error, trace)


def _report_ignored(ignored: Any) -> None:
  """Reports what Python ignores; Ctrl-C ends the program there, too.

  Python ignores what is raised while it destroys an object, or at its end.
  """
  if issubclass(ignored.exc_type, KeyboardInterrupt):
    _end_at_once_by_ctrl_c()
    os.kill(os.getpid(), signal.SIGINT)
  else:
    sys.__unraisablehook__(ignored)


def _end_at_once_by_ctrl_c() -> None:
  """Lets a further Ctrl-C end the program without an exception."""
  signal.signal(signal.SIGINT, signal.SIG_DFL)


sys.excepthook = _report_exception
sys.unraisablehook = _report_ignored


class _PathParser(flags.ArgumentParser):
  """Makes paths absolute, from the folder in which the script was started."""

  syntactic_help = 'a path'

  def parse(self, argument: str) -> str:
    """Returns an absolute path.

    Parts `..` stay in the path. After a link, only the system knows what they
    mean.
    """
    if not argument:
      raise ValueError('a path is empty')
    return str(pathlib.Path(argument).absolute())

  def flag_type(self) -> str:
    """Returns what `--helpxml` calls the type of the flag."""
    return 'path'


def define_path(
  name: str,
  default: str | None,
  help: str,
  required: bool = False,
  **options: Any,
) -> flags.FlagHolder:
  """Defines a flag whose value is an absolute path.

  Libraries disagree about relative paths. For instance, TensorFlow reads the
  paths in a folder's list of checkpoints as relative to that folder.

  Args:
    name: the name of the flag.
    default: a path or None.
    help: the text for `--help`.
    required: whether the flag must be given. Then `--help` says so.
    **options: further options of `flags.DEFINE_string`.

  Returns:
    The flag's holder. Its value is a str, or None.
  """
  if required:
    help = f'{help} This flag is required.'
  return flags.DEFINE(
    _PathParser(), name, default, help, required=required, **options
  )


def run(main: Callable[..., int | None], paths: Sequence[str] = ()) -> None:
  """Runs `main` as an absl program.

  Flags are parsed first, and a stray positional argument is refused. To absl
  `--imagenet_pretrained false` means `--imagenet_pretrained` and a stray
  argument `false`, which DeepMind's script ignored.

  The exit status is what `main` returns (None is 0). It is 1, with one line on
  standard error, after an `errors.InputError`, a stray argument, a bad flag, a
  file or folder that the system refuses, or when TensorFlow has no memory left.
  It is 130 after Ctrl-C, and 141 if nobody reads the output any more, for
  instance because of `| head`.

  Text from the name or content of a file cannot imitate the program's own
  messages: control characters are escaped in log and error lines. Characters
  that the encoding of the output lacks are escaped too.

  Args:
    main: a function of as many arguments as there are `paths`.
    paths: the names of the arguments that are no flags, such as 'SOURCE'. Each
      is a path that must be given, and `main` gets it as an absolute path. The
      docstring of the script, which `--help` shows, explains them.
  """

  def checked_main(argv: Sequence[str]) -> int | None:
    logging.get_absl_handler().addFilter(_beside_bars)
    logging.get_absl_handler().setFormatter(_Formatter())
    if isinstance(sys.stdout, io.TextIOWrapper):
      sys.stdout.reconfigure(errors='backslashreplace')
    try:
      if sys.stdout is None:
        raise errors.InputError('standard output is closed; open it')
      given = _named_paths(argv[1:], paths)
      refuse_nul(flags.FLAGS.flag_values_dict())
      refuse_odd_numbers(flags.FLAGS.flag_values_dict())
      status = main(*given.values())
      sys.stdout.flush()
      return status
    except errors.InputError as error:
      _print_error(error)
      return 1
    except KeyboardInterrupt:
      _end_at_once_by_ctrl_c()
      progress.make_room()
      print('interrupted', file=sys.stderr)
      return 130
    except OSError as error:
      if error.filename is None:
        return _status_of_output(error)
      # The file is the user's: there is no space, no permission, a loop of
      # links, or too long a name. The user learns nothing more from a
      # traceback.
      _print_error(f'{error.filename}: {error.strerror}')
      return 1
    except Exception as error:
      full = errors.no_memory(error)
      if full is None:
        raise
      _print_error(
        f'{full}; use fewer or shorter clips at a time, or --precision=bfloat16'
      )
      return 1

  app.run(checked_main, flags_parser=_parse_flags)


def _parse_flags(arguments: Sequence[str]) -> list[str]:
  """Parses the command line; a mistake in it is one line, like all others.

  Returns:
    The name of the program and the arguments that are no flags.
  """
  try:
    try:
      return flags.FLAGS(list(arguments))
    finally:
      if sys.stdout is not None:
        sys.stdout.flush()  # --help has printed something.
  except flags.Error as error:
    message = ' '.join(str(error).split())
    _print_error(f'{message.removesuffix(".")}; see --help')
    sys.exit(1)
  except OSError as error:
    sys.exit(_status_of_output(error))


def _status_of_output(error: OSError) -> int:
  """Tells why the output cannot be written; returns the exit status.

  Raises:
    OSError: the error, if it is not one of standard output.
  """
  if isinstance(error, BrokenPipeError):
    _drop_output()
    return 128 + signal.SIGPIPE
  if error.errno == errno.ENOSPC and error.filename is None:
    _drop_output()
    _print_error(f'standard output: {error.strerror}')
    return 1
  raise error


def _drop_output() -> None:
  """Drops what Python would write to standard output once more at the end."""
  os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(message: object) -> None:
  progress.make_room()
  print(f'error: {errors.printable(message)}', file=sys.stderr)


class _Formatter(logging.PythonFormatter):
  """Escapes messages, and indents further lines so that none is forged."""

  def formatMessage(self, record: Any) -> str:  # noqa: D102, N802 (its name)
    lines = super().formatMessage(record).split('\n')
    return '\n    '.join(map(errors.printable, lines))


def _beside_bars(record: Any) -> bool:
  """Filters no message, but takes progress bars off its line first."""
  del record
  progress.make_room()
  return True


def _named_paths(
  arguments: Sequence[str], names: Sequence[str]
) -> dict[str, str]:
  """Returns name -> absolute path of the arguments that are no flags."""
  refuse_stray_arguments(arguments[len(names) :])
  if missing := names[len(arguments) :]:
    program = pathlib.Path(sys.argv[0]).name
    raise errors.InputError(
      f'{missing[0]} is missing: {program} {" ".join(names)}, see --help'
    )
  given = dict(zip(names, arguments))
  for name, path in given.items():
    if not path or '\0' in path:
      raise errors.InputError(f'{name}: {path!r} is no path')
  return {name: _PathParser().parse(path) for name, path in given.items()}


def refuse_stray_arguments(arguments: Sequence[str]) -> None:
  """Raises InputError if the command line has anything but flags."""
  if not arguments:
    return
  remedy = 'every option is a flag, see --help'
  if arguments[0].lower() in ('true', 'false', '0', '1', 'yes', 'no'):
    remedy = (
      'a boolean flag takes no separate value; write --flag or --noflag, '
      'for instance --noimagenet_pretrained'
    )
  raise errors.InputError(f'unexpected argument {arguments[0]!r}: {remedy}')


def refuse_nul(values: Mapping[str, Any]) -> None:
  """Raises InputError if the value of a flag has a NUL character.

  A file name cannot have that character. A command line cannot hold it, but a
  --flagfile can.

  Args:
    values: name of a flag -> its value.
  """
  for name, value in values.items():
    parts = value if isinstance(value, list) else [value]
    if any('\0' in part for part in parts if isinstance(part, str)):
      raise errors.InputError(f'--{name}: {value!r} has a NUL character in it')


def refuse_odd_numbers(values: Mapping[str, Any]) -> None:
  """Raises InputError if the value of a flag is infinite or NaN.

  The bounds of a flag do not keep NaN out, because it is neither smaller nor
  larger than any number.

  Args:
    values: name of a flag -> its value.
  """
  for name, value in values.items():
    if isinstance(value, float) and not math.isfinite(value):
      raise errors.InputError(f'--{name}: {value} is no number to count with')


def refuse_overwriting(name: str, output: str | None, *inputs: str) -> None:
  """Raises InputError if an output would replace an input, or a part of one.

  Args:
    name: the flag of the output.
    output: the file to be written, or None.
    *inputs: files and folders that are read. Those that do not exist are
      reported elsewhere.
  """
  if output is None:
    return
  written = pathlib.Path(output).resolve()
  for path in inputs:
    read = pathlib.Path(path).resolve()
    if read in (written, *written.parents):
      raise errors.InputError(
        f'--{name}: {output} would replace what is read from {path}; choose '
        'another file'
      )


def start_tensorflow() -> None:
  """Imports TensorFlow and keeps its lines that are no news out of stderr.

  These lines are its notes and the ones listed in no_news.py. Other warnings
  and all errors are shown. A script calls this function after it has checked
  its flags and files, because the import takes seconds.
  """
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '1')
  stderr.leave_out_no_news()
  import tensorflow as tf  # noqa: PLC0415

  tf.config.list_physical_devices()
