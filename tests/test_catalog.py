"""The catalog finds the modules of data sets, and nothing else."""

import dataclasses

from two_stream.datasets import catalog, data_set


def test_modules_of_data_sets_have_what_the_catalog_promises():
  for name, module in catalog.layouts().items():
    assert name == module.NAME
    assert len(module.LAYOUT.split()) > 5
    assert callable(module.read)
    fields = {field.name for field in dataclasses.fields(data_set.Request)}
    assert fields.issuperset(module.OPTIONS)


def test_other_modules_are_no_data_sets():
  assert data_set not in catalog.layouts().values()
