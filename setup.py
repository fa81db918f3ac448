"""Lets `pip install .` work; the metadata is in pyproject.toml."""

import setuptools

setuptools.setup()
