"""A network of this process's own, in which there is only loopback.

TensorFlow's servers listen on every interface, whatever address they are given,
and whoever reaches one of their ports controls the process. In a network
namespace of its own (Linux: `man 7 network_namespaces`), only the job reaches
its servers, just as if they were bound to loopback.
"""

import ctypes
import fcntl
import os
import pathlib
import socket
import struct

_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914  # linux/sockios.h
_IFF_UP = 1  # linux/if.h


def enter() -> None:
  """Moves this process, and those it starts, into a private network.

  Root enters the network directly. Another user first enters a user namespace,
  in which nobody else exists. The system moves only processes of a single
  thread, so this function must be called early.

  Raises:
    OSError: the system does not allow it, or is not Linux.
  """
  uid, gid = os.getuid(), os.getgid()
  try:
    _unshare(_CLONE_NEWNET)
  except PermissionError:
    _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    pathlib.Path('/proc/self/setgroups').write_text('deny')
    pathlib.Path('/proc/self/uid_map').write_text(f'{uid} {uid} 1')
    pathlib.Path('/proc/self/gid_map').write_text(f'{gid} {gid} 1')
  with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    request = struct.pack('16sH14x', b'lo', _IFF_UP)
    fcntl.ioctl(control, _SIOCSIFFLAGS, request)


def _unshare(namespaces: int) -> None:
  """Moves this process into new namespaces, see `man 2 unshare`."""
  libc = ctypes.CDLL(None, use_errno=True)
  if not hasattr(libc, 'unshare'):
    raise OSError('no namespaces on this system')
  if libc.unshare(namespaces):
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))
