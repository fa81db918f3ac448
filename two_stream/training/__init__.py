"""From records to a trained network: the job, its engine, its checkpoints.

Imports every other package. A new engine is one module in this package, with a
function `run(job, task)`, and one row of the table in train.py.
"""
