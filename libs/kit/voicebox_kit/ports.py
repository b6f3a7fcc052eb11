"""Addresses to listen on: one sentence for those in use, and a check of all of them before anything is
loaded.
"""

import errno
import socket
from collections.abc import Mapping

from .errors import StartError


def cannot_listen(address: str, variable: str, error: OSError | None = None) -> StartError:
    """The error of an address that cannot be listened on; `variable` is where a person sets another. Without `error` it
    is taken.
    """
    if error is None or error.errno == errno.EADDRINUSE:
        return StartError(f"Another program listens on {address}: stop it, or set {variable} to another address.")
    return StartError(f"{variable} names {address}, which cannot be listened on: {error.strerror}.")


def refuse_taken(addresses: Mapping[str, str]) -> None:
    """Raises StartError for the first address, by the variable that names it, that somebody listens on already."""
    for variable, address in addresses.items():
        host, port = host_and_port(address)
        try:
            socket.create_server((host, port), family=family(host)).close()
        except OSError as error:
            raise cannot_listen(address, variable, error) from error


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of `host:port`, with an IPv6 host without its brackets."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def family(host: str) -> socket.AddressFamily:
    """IPv6 for a host with colons, else IPv4."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
