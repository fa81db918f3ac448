"""Reads what evaluate_sample.py prints."""

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
