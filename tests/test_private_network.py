"""Servers in a private network are out of reach."""

import socket
import subprocess

import programs
import pytest

pytestmark = pytest.mark.process

PROGRAM = """
import socket, sys
from two_stream.cluster import private_network
try:
  private_network.enter()
except OSError as error:
  sys.exit(f'not allowed: {error}')
server = socket.create_server(('0.0.0.0', 0))
port = server.getsockname()[1]
socket.create_connection(('127.0.0.1', port), 5).close()
try:
  socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)
  sys.exit('the outer loopback is reachable')
except ConnectionRefusedError:
  print(port, flush=True)
sys.stdin.read()
"""


def test_a_private_network_has_a_loopback_of_its_own():
  with (
    socket.create_server(('127.0.0.1', 0)) as outside,
    programs.started_code(
      PROGRAM,
      str(outside.getsockname()[1]),
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    ) as inside,
  ):
    port = inside.stdout.readline()
    if not port:
      message = inside.stderr.read()
      assert 'not allowed' in message, message
      pytest.skip(f'this system has no private networks: {message}')
    with pytest.raises(ConnectionRefusedError):
      socket.create_connection(('127.0.0.1', int(port)), 5)
    inside.stdin.close()
    assert inside.wait(60) == 0
