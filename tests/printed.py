"""Reads what the evaluation scripts print."""

import re
import subprocess

NUMBER = r'[-+.e\d]+'


def parse(output: str) -> tuple[float, list[tuple[float, float, str]]]:
  """Returns the norm and the rows (probability, logit, label) of an output."""
  head, blank, title, *rows = output.splitlines()
  assert blank == ''
  assert title == 'Top classes and probabilities'
  norm = re.fullmatch(f'Norm of logits: ({NUMBER})', head)
  assert norm, head
  parsed = []
  for row in rows:
    match = re.fullmatch(f'({NUMBER}) ({NUMBER}) (.+)', row)
    assert match, row
    parsed.append((float(match[1]), float(match[2]), match[3]))
  return float(norm[1]), parsed


def assert_one_line_error(
  result: subprocess.CompletedProcess, message: str
) -> None:
  """Asserts that a program ended with status 1 and a single line of error."""
  assert result.returncode == 1
  assert result.stdout == ''
  assert message in result.stderr
  assert result.stderr.startswith('error: ')
  assert result.stderr.count('\n') == 1
