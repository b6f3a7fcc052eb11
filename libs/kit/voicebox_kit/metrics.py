"""Prometheus metrics on a port of their own, one registry per service."""

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Gauge, PlatformCollector, ProcessCollector, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from . import hosts
from .ports import cannot_listen, family, host_and_port

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DECADE = (1, 1.2, 1.4, 1.65, 1.95, 2.3, 2.75, 3.25, 3.85, 4.6, 5.5, 6.5, 7.7, 9.2)
WAIT_BUCKETS_SECONDS = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.07),
    *(round(step / 10, 3) for step in _DECADE),
    *_DECADE,
    *(11, 13, 15.5, 18.5, 22, 26, 31, 37, 44, 52, 60),
)
"""Of histograms of what people wait for: from 0.1 s on in steps of a fifth, so that a percentile is exact within that.
"""

POLL_SECONDS = 0.1
"""How long closing waits at most; prometheus_client's own server takes up to half a second."""


class _Ipv6Server(ThreadingWSGIServer):
    address_family = socket.AF_INET6


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line of log."""


def _without_foreign_hosts(application: "WSGIApplication") -> "WSGIApplication":
    """The same for this machine's programs alone: a page whose name was made to lead here is refused."""
    own = re.compile(hosts.pattern(()))

    def called(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if own.fullmatch(environ.get("HTTP_HOST", "localhost")):
            return application(environ, start_response)
        start_response("403 Forbidden", [("content-type", "text/plain")])
        return [b"The Host header names another server.\n"]

    return called


@contextmanager
def metrics_server(address: str, variable: str, registry: CollectorRegistry) -> Iterator[str]:
    """Serve `registry` at `address` (`host:port`, port 0 for any free one), which `variable` sets; yields the real
    address.
    """
    host, port = host_and_port(address)
    server_class = _Ipv6Server if family(host) is socket.AF_INET6 else ThreadingWSGIServer
    try:
        application = make_wsgi_app(registry)
        own = _without_foreign_hosts(application) if hosts.is_loopback(address) else application
        server = make_server(host, port, own, server_class, _SilentHandler)
    except OSError as error:
        raise cannot_listen(address, variable, error) from error
    thread = Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True)
    thread.start()
    try:
        yield f"{address.rpartition(':')[0]}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def describe_process(registry: CollectorRegistry, label: str) -> None:
    """Metrics of the process (processor, memory, files), and of what runs there: the versions of service and gRPC."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    build = Gauge(
        "voicebox_build_info", "Always 1: which versions run.", ["service", "version", "grpc"], registry=registry
    )
    build.labels(label, metadata.version("voicebox-kit"), metadata.version("grpcio")).set(1)
