"""From the videos of a data set to records, over processes and machines.

Imports records and what is below it.
"""
