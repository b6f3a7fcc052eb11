"""Prometheus metrics on a port of their own, one registry per service."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from .errors import StartError

POLL_SECONDS = 0.1
"""How long closing waits at most; prometheus_client's own server takes up to half a second."""


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line of log."""


@contextmanager
def metrics_server(address: str, registry: CollectorRegistry) -> Iterator[str]:
    """Serve `registry` at `address` (`host:port`, port 0 for any free one); yields the real address."""
    host, _, port = address.rpartition(":")
    try:
        server = make_server(host, int(port), make_wsgi_app(registry), ThreadingWSGIServer, _SilentHandler)
    except OSError as error:
        raise StartError(f"Metrics cannot listen on {address}: {error.strerror}.") from error
    thread = Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
