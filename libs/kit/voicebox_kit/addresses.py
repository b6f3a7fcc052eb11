"""Where all replicas of a service are: its name is resolved again and again, so that calls go to each of them in turn,
and to a new one soon.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

log = logging.getLogger(__name__)

RESOLVE_SECONDS = 5.0
"""As the gateway does it."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The IP addresses of a host, of one family. Raises OSError."""
Sleep = Callable[[float], Awaitable[None]]


async def resolve_host(host: str) -> Sequence[str]:
    """By the system's resolver: the addresses of the family that it prefers, sorted."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for family, *_, address in found if family == found[0][0]})


class Replicas:
    """The addresses behind `host:port`; the newest that were found, or the name itself as long as none were."""

    def __init__(self, address: str, resolve: Resolve) -> None:
        self._host, _, self._port = address.rpartition(":")
        self._resolve = resolve
        self.target = address
        """For gRPC."""

    async def look(self) -> None:
        """Resolve once. A resolver that fails changes nothing."""
        try:
            found = await self._resolve(self._host)
        except OSError as error:
            log.info("%s cannot be resolved: %s", self._host, error)
            return
        if found:
            family = ipaddress.ip_address(found[0]).version
            addresses = (f"{each}:{self._port}" if family == 4 else f"[{each}]:{self._port}" for each in found)
            self.target = f"ipv{family}:{','.join(addresses)}"


@asynccontextmanager
async def following(address: str, resolve: Resolve, sleep: Sleep = asyncio.sleep) -> AsyncIterator[Replicas]:
    """The replicas behind the address, looked for every RESOLVE_SECONDS until the block ends. An IP address, a socket
    and this machine's own name are what they are.
    """
    replicas = Replicas(address, resolve)
    if not is_name(address):
        yield replicas
        return
    await replicas.look()
    looking = asyncio.create_task(_look_again(replicas, sleep))
    try:
        yield replicas
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look_again(replicas: Replicas, sleep: Sleep) -> None:
    while True:
        await sleep(RESOLVE_SECONDS)
        await replicas.look()


def is_name(address: str) -> bool:
    """Whether DNS may know several addresses of it: `tts:50051`, and not `127.0.0.1:50051` or `unix:/run/socket`."""
    host, _, port = address.rpartition(":")
    if not port.isdigit() or ":" in host or host == "localhost":
        return False
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return False
    return bool(host)
