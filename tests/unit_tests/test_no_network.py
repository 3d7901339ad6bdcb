"""That the fixture which closes sockets for unit tests does."""

import asyncio
import socket

import pytest
from pytest_socket import SocketBlockedError


def test_a_unit_test_cannot_reach_the_network():
    with pytest.warns(UserWarning, match="tried to use socket"), pytest.raises(SocketBlockedError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)


async def test_event_loops_still_work():
    await asyncio.sleep(0)
