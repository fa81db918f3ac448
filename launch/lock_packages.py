r"""Writes the lock files of the container image, launch/requirements_*.lock.

    python launch/lock_packages.py

The program asks pip for the newest packages that pyproject.toml allows. It
writes the version of each package and the SHA-256 of its wheel. From such a
file pip installs these wheels and no others. requirements_cpu.lock has the
packages without extras, and requirements_gpu.lock those of the extra `gpu` too.

A wheel is made for a version of Python and a kind of machine. So the program
has to run where the image does: in the version of Python that launch/Dockerfile
names, and under Linux on an x86-64 processor.
"""

import json
import pathlib
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from two_stream import cli, errors, files

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A value of the Dockerfile's argument DEVICE -> what pip is to install.
PROJECTS = {'cpu': str(ROOT), 'gpu': f'{ROOT}[gpu]'}


def main() -> None:
  """Writes a lock file for each device.

  Raises:
    InputError: this Python is not the image's, or pip finds no packages.
  """
  refuse_another_machine()
  for device, project in PROJECTS.items():
    path = ROOT / 'launch' / f'requirements_{device}.lock'
    with files.atomic_open(path, 'w') as lock:
      lock.write(lock_text(report(project)))


def refuse_another_machine() -> None:
  """Raises InputError if the wheels for this Python would not fit the image."""
  wanted = f'Python {python_of_image()}, Linux, x86_64'
  here = (
    f'Python {sys.version_info.major}.{sys.version_info.minor}, '
    f'{platform.system()}, {platform.machine()}'
  )
  if here != wanted:
    raise errors.InputError(f'this is {here}; the image needs {wanted}')


def python_of_image() -> str:
  """Returns the version of Python in the base that launch/Dockerfile names."""
  text = (ROOT / 'launch' / 'Dockerfile').read_text()
  found = re.search(r'^ARG BASE=python:(\d+\.\d+)-', text, re.MULTILINE)
  if not found:
    raise errors.InputError('launch/Dockerfile: ARG BASE names no Python')
  return found[1]


def report(project: str) -> Mapping[str, Any]:
  """Returns what pip would install for a project, as its installation report.

  Args:
    project: the folder of the project, with the extra if one is wanted.

  Raises:
    InputError: pip has failed, and has said why on standard error.
  """
  # Without --isolated, the user's settings could name another source.
  command = [sys.executable, '-m', 'pip', '--isolated', 'install', '--quiet']
  command += ['--dry-run', '--ignore-installed', '--only-binary=:all:']
  result = subprocess.run(  # noqa: S603 (the words above and a folder)
    [*command, '--report=-', project], stdout=subprocess.PIPE, check=False
  )
  if result.returncode:
    raise errors.InputError(f'{project}: pip finds no packages for it')
  return json.loads(result.stdout)


def lock_text(found: Mapping[str, Any]) -> str:
  """Returns the text of a lock file.

  Args:
    found: pip's installation report. The project itself is in it, too, and is
      left out.
  """
  lines = []
  for package in found['install']:
    archive = package['download_info'].get('archive_info')
    if archive:
      metadata = package['metadata']
      lines.append(
        f'{metadata["name"].lower()}=={metadata["version"]} '
        f'--hash=sha256:{archive["hashes"]["sha256"]}\n'
      )
  return '# Written by launch/lock_packages.py.\n' + ''.join(sorted(lines))


if __name__ == '__main__':
  cli.run(main)
