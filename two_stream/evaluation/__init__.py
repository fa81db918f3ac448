"""From clips and networks to answers: of one sample, and of a whole split.

Imports preprocessing and what is below it. A new kind of output is one module
in this package and a script.
"""
