"""How every script starts: flags, one-line errors, exit statuses."""

import os
import signal
import sys

from absl import app, logging

from two_stream import errors, progress


def run(main):
  """Runs `main()` as an absl program.

  Flags are parsed first. A stray positional argument is refused: with absl
  `--imagenet_pretrained false` means `--imagenet_pretrained` and a stray
  `false`, which DeepMind's script ignored.

  Exit status: what `main` returns (None is 0); 1, with one line on stderr, for
  an `errors.InputError`, a stray argument or a bad flag; 130 after Ctrl-C; 141
  when nobody reads the output any more, as behind `| head`.

  Args:
    main: a function of no arguments.
  """

  def checked_main(argv):
    logging.get_absl_handler().addFilter(_beside_bars)
    try:
      refuse_stray_arguments(argv[1:])
      status = main()
      sys.stdout.flush()
      return status
    except errors.InputError as error:
      progress.make_room()
      print(f'error: {error}', file=sys.stderr)
      return 1
    except KeyboardInterrupt:
      progress.make_room()
      print('interrupted', file=sys.stderr)
      return 130
    except BrokenPipeError:
      # Python flushes once more at the end.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      return 128 + signal.SIGPIPE

  app.run(checked_main)


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


def start_tensorflow():
  """Imports TensorFlow without its start-up notes.

  They are no news to a user, and no setting of TensorFlow keeps them off
  stderr. Its later warnings and errors are shown. A script calls this once its
  flags and files are checked: the import takes seconds.
  """
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '1')
  stderr = os.dup(2)
  nowhere = os.open(os.devnull, os.O_WRONLY)
  os.dup2(nowhere, 2)
  try:
    import tensorflow as tf  # noqa: PLC0415

    tf.config.list_physical_devices()
  finally:
    os.dup2(stderr, 2)
    os.close(stderr)
    os.close(nowhere)
