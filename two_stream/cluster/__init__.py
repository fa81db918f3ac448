"""The tasks of a training job: who they are, where they run, who restarts them.

Imports the ground alone, and no TensorFlow. What the tasks compute, and how
they talk to each other, is in the package training.
"""
