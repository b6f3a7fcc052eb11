"""Prometheus metrics on a port of their own, one registry per service."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from .errors import StartError


@contextmanager
def metrics_server(address: str, registry: CollectorRegistry) -> Iterator[str]:
    """Serve `registry` at `address` (`host:port`, port 0 for any free one); yields the real address."""
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host, registry)
    except OSError as error:
        raise StartError(f"Metrics cannot listen on {address}: {error.strerror}.") from error
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
