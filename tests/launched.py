"""Workers of all-reduce and tasks of launch/local.py, as processes of tests."""

import contextlib
import json
import pathlib
import signal
import subprocess
import sys

import programs

from two_stream.cluster.task_process import TaskName
from two_stream.training import saved_checkpoints

LAUNCHER = programs.ROOT / 'launch' / 'local.py'
# A network that learns nothing, but does several steps a second.
TINY = (
  '--stream=rgb',
  '--depth_multiplier=0.0625',
  '--num_frames=9',
  '--batch_size=1',
  '--replicas_to_aggregate=2',
)


def task_id(launcher: subprocess.Popen, task: TaskName) -> int | None:
  """Returns the process id of a launcher's task, or None if it has none now."""
  children = f'/proc/{launcher.pid}/task/{launcher.pid}/children'
  for pid in pathlib.Path(children).read_text().split():
    try:
      environ = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
    except OSError:
      continue
    for variable in environ.split(b'\0'):
      if variable.startswith(b'TF_CONFIG='):
        config = json.loads(variable.partition(b'=')[2])
        if TaskName(config['task']['type'], config['task']['index']) == task:
          return int(pid)
  return None


def saved_step(train_dir: pathlib.Path) -> int:
  """Returns the step of the newest checkpoint, 0 if there is none."""
  return max(saved_checkpoints.steps_in(train_dir), default=0)


class TwoWorkers:
  """Two workers of an all-reduce job, which are started by hand.

  Attributes:
    train_dir: the folder of the training.
    hosts: the addresses of the workers.
    processes: index -> the `subprocess.Popen` of a worker that was started.
  """

  def __init__(
    self,
    records: pathlib.Path,
    folder: pathlib.Path,
    stack: contextlib.ExitStack,
    hosts: tuple[str, str] | None = None,
  ):
    """Makes the job. The processes are killed when the stack is closed."""
    self.train_dir = folder / 'rgb'
    self.hosts = hosts or tuple(
      f'127.0.0.1:{port}' for port in programs.free_ports(2)
    )
    self.processes: dict[int, subprocess.Popen] = {}
    self._records = records
    self._folder = folder
    self._stack = stack

  def start(
    self, index: int, *flags: str, prefix: tuple[str, ...] = ()
  ) -> None:
    """Starts a worker.

    Args:
      index: 0 or 1.
      *flags: further flags of train.py.
      prefix: a command that runs another one.
    """
    log = self._stack.enter_context(self._log(index).open('wb'))
    self.processes[index] = self._stack.enter_context(
      programs.started(
        [
          *prefix,
          *(sys.executable, programs.ROOT / 'train.py', *TINY),
          *('--engine=all_reduce', f'--worker_hosts={",".join(self.hosts)}'),
          *(f'--task_index={index}', f'--records_dir={self._records}'),
          *(f'--train_dir={self.train_dir}', *flags),
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
      )
    )
    # One that was stopped has to go on to be killed at last.
    self._stack.callback(self.processes[index].send_signal, signal.SIGCONT)

  def wait_for_step(self, step: int) -> None:
    """Waits until there is a checkpoint of this step or a later one."""
    programs.wait_until(
      lambda: saved_step(self.train_dir) >= step or self._has_ended(),
      seconds=600,
      explain=self.texts,
    )
    assert not self._has_ended(), self.texts()

  def end(self, index: int, seconds: float) -> tuple[int, str]:
    """Waits for the end of a worker.

    Returns:
      (its exit status; what it printed).
    """
    try:
      status = self.processes[index].wait(seconds)
    except subprocess.TimeoutExpired:
      raise AssertionError(self.texts()) from None
    return status, self._log(index).read_text()

  def texts(self) -> str:
    """Returns what all workers printed, for messages."""
    return '\n'.join(
      f'worker {index}:\n{self._log(index).read_text()}'
      for index in self.processes
    )

  def _log(self, index: int) -> pathlib.Path:
    return self._folder / f'log{index}'

  def _has_ended(self) -> bool:
    return any(each.poll() is not None for each in self.processes.values())
