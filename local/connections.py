"""A repair of hypercorn: a connection that the client has closed is closed here, too, and not at the end of its idle time."""

from typing import Any

from local.machine import Machine

_SERVER = "hypercorn.asyncio.tcp_server"
SEAMS: tuple[tuple[str, str], ...] = ((_SERVER, "TCPServer"),)


def install(machine: Machine) -> None:
    """End what waits for an idle connection's end as soon as there is nothing more to read from it."""
    from hypercorn.asyncio.tcp_server import TCPServer

    read = TCPServer._read_data

    async def read_data(self: Any) -> None:
        await read(self)
        await self.idle_task.stop()

    TCPServer._read_data = read_data
