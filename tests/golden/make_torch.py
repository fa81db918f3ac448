"""Writes torch_zip.pt and torch_legacy.pt with PyTorch 2.13.

python tests/golden/make_torch.py        needs torch, which nothing else does
"""

import pathlib
from collections import OrderedDict

import torch


def main() -> None:
  """Writes both files: a state dict in a dict, of many kinds of tensors."""
  numbers = torch.arange(24, dtype=torch.float32)
  module = torch.nn.Sequential(
    OrderedDict(bn=torch.nn.BatchNorm3d(2), conv=torch.nn.Conv3d(1, 2, 1))
  )
  module.conv.weight.data = torch.tensor([0.5, -2.0]).reshape(2, 1, 1, 1, 1)
  module.conv.bias.data = torch.tensor([1.0, 2.0])
  saved = {
    'epoch': 7,
    'state_dict': module.state_dict(),
    'whole': numbers.reshape(2, 3, 4),
    'transposed': numbers.reshape(2, 3, 4).permute(2, 0, 1),
    'part': numbers.reshape(2, 3, 4)[1, :, 1:3],
    'parameter': torch.nn.Parameter(numbers[:3].clone()),
    'half': numbers[:3].half(),
    'bfloat16': numbers[:3].bfloat16(),
    'double': numbers[:3].double(),
    'scalar': torch.tensor(3.0),
    'empty': torch.zeros(0, 4),
    'optimizer': torch.optim.SGD(module.parameters(), lr=0.1).state_dict(),
  }
  folder = pathlib.Path(__file__).parent
  torch.save(saved, folder / 'torch_zip.pt')
  torch.save(
    saved,
    folder / 'torch_legacy.pt',
    _use_new_zipfile_serialization=False,
  )


if __name__ == '__main__':
  main()
