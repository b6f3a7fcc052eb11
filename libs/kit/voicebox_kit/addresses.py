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
    """The addresses behind `host:port`, or behind several with commas between them; the newest that were found, or what
    was given as long as none were.
    """

    def __init__(self, addresses: str, resolve: Resolve) -> None:
        self._addresses = addresses.split(",")
        self._resolve = resolve
        self.target = addresses
        """For gRPC."""

    async def look(self) -> None:
        """Resolve once. A resolver that fails changes nothing."""
        found: list[tuple[int, str]] = []
        for address in self._addresses:
            host, _, port = address.rpartition(":")
            try:
                hosts = await self._resolve(host.strip("[]"))
            except OSError as error:
                log.info("%s cannot be resolved: %s", host, error)
                return
            found += [_numeric(host, port) for host in hosts]
        if found:
            family = found[0][0]
            self.target = f"ipv{family}:{','.join(address for of, address in found if of == family)}"


def _numeric(host: str, port: str) -> tuple[int, str]:
    family = ipaddress.ip_address(host).version
    return family, f"{host}:{port}" if family == 4 else f"[{host}]:{port}"


@asynccontextmanager
async def following(address: str, resolve: Resolve, sleep: Sleep = asyncio.sleep) -> AsyncIterator[Replicas]:
    """The replicas behind the address, or behind several with commas between them, looked for every RESOLVE_SECONDS
    until the block ends. One IP address, a socket and this machine's own name are what they are.
    """
    replicas = Replicas(address, resolve)
    if "," not in address and not is_name(address):
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
