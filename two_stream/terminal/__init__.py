"""What the programs write to the terminal: progress bars and standard error.

Imports nothing of this project, so that every other module may use it.
"""
