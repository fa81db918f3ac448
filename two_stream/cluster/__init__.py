"""The tasks of a training job: who they are, where they run, who restarts them.

Imports the ground alone. What the tasks compute is in the package training.
"""
