"""Reads what the evaluation scripts print."""

import re

NUMBER = r'[-+.e\d]+'


def parse(output):
  """Printed output -> norm, [(probability, logit, label)]."""
  head, blank, title, *rows = output.splitlines()
  assert blank == ''
  assert title == 'Top classes and probabilities'
  norm = float(re.fullmatch(f'Norm of logits: ({NUMBER})', head).group(1))
  matches = [re.fullmatch(f'({NUMBER}) ({NUMBER}) (.+)', row) for row in rows]
  return norm, [
    (float(match[1]), float(match[2]), match[3]) for match in matches
  ]


def assert_one_line_error(result, message):
  """Of a subprocess.CompletedProcess that a user's mistake ended."""
  assert result.returncode == 1
  assert result.stdout == ''
  assert message in result.stderr
  assert result.stderr.startswith('error: ')
  assert result.stderr.count('\n') == 1
