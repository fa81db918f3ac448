"""The library that the scripts share; docs/architecture.md shows its parts.

Each package has one subject, and its own docstring says what it may import.
The modules beside the packages are the ground that all of them stand on.
"""
