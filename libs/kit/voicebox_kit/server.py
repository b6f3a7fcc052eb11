"""One gRPC service's life: NOT_SERVING, loaded, SERVING, drained, closed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from prometheus_client import CollectorRegistry

from . import reflection, tracing, variables
from .audit import AuditLog
from .authentication import NO_AUTHENTICATION, Authentication
from .background import Background
from .failures import watch_event_loop
from .interceptor import RpcInterceptor
from .metrics import describe_process, metrics_server
from .open_calls import OpenCalls
from .ports import cannot_listen
from .tls import HEALTH as HEALTH_ADDRESS
from .tls import Tls

HEALTH = "grpc.health.v1.Health"
log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
OPTIONS = [
    (
        "grpc.so_reuseport",
        0,
    ),  # on by default, and then a second server on a taken port silently receives half of the calls
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
]


@asynccontextmanager
async def unfollowed(_calls: OpenCalls) -> AsyncIterator[None]:
    """Nobody ends running calls."""
    yield


@dataclass(frozen=True)
class Service:
    """A gRPC service, put together and not yet started.

    `names` are the full proto names that it serves, the first its own; `contract` is the descriptor set that it is part
    of. With `authentication` callers must prove who they are, except for methods that begin with one of `open_to_all`;
    `follow` gets the running calls, `audit` a line for each denial and each write. Health has a name for each task of
    `background`, too, as in `tts/history`: speech goes on while one of them fails that is not vital.
    """

    names: tuple[str, ...]
    contract: bytes
    address: str
    metrics_address: str
    register: Callable[[grpc.aio.Server], None]
    load: Callable[[], Awaitable[None]]
    registry: CollectorRegistry
    background: Background | None = None
    authentication: Authentication = NO_AUTHENTICATION
    open_to_all: tuple[str, ...] = ()
    follow: Callable[[OpenCalls], AbstractAsyncContextManager[None]] = unfollowed
    audit: AuditLog | None = None


@dataclass(frozen=True)
class Endpoint:
    """Where something listens: what it is, as in `tts gRPC`, and `host:port`."""

    label: str
    address: str


@dataclass(frozen=True)
class Serving:
    """A service that serves. `ended` is set if it stops by itself; `hints` are commands that a person may try."""

    name: str
    endpoints: tuple[Endpoint, ...]
    hints: tuple[str, ...] = ()
    ended: asyncio.Event = field(default_factory=asyncio.Event)


OpenService = Callable[[Mapping[str, str]], AbstractAsyncContextManager[Serving]]
"""What an entry point of the group `voicebox.services` is: builds a service, serves it until the block ends, and closes
it.
"""


def grace_seconds(env: Mapping[str, str]) -> float:
    """VOICEBOX_GRACE_SECONDS: how long running streams may go on after SIGTERM."""
    return variables.seconds(env, "VOICEBOX_GRACE_SECONDS", 10.0)


@asynccontextmanager
async def serving(label: str, service: Service, grace: float) -> AsyncIterator[Serving]:
    """Serve `service` until the block ends: healthy once loaded, then drained for at most `grace` seconds."""
    describe_process(service.registry, label)
    traces = tracing.opened(label)
    interceptor = RpcInterceptor(service.registry, service.authentication, service.open_to_all, service.audit, traces)
    server = grpc.aio.server(interceptors=[interceptor], options=OPTIONS)
    service.register(server)
    reflection.enable(server, (*service.names, HEALTH), service.contract)
    checks = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    await _set_health(checks, service, health_pb2.HealthCheckResponse.NOT_SERVING)
    host = service.address.rpartition(":")[0]
    tls = service.authentication.tls
    port = _listen(server, f"{label.upper()}_ADDRESS", service.address, tls)
    with metrics_server(
        service.metrics_address, f"{label.upper()}_METRICS_ADDRESS", service.registry
    ) as metrics_address:
        async with _plain_health(checks, tls):
            await server.start()
            background = service.background or Background(CollectorRegistry())
            try:
                await service.load()
                await _set_health(checks, service, health_pb2.HealthCheckResponse.SERVING)
                log.info("%s serves on %s:%s", label, host, port)
                async with (
                    service.follow(interceptor.open_calls),
                    background.running("event_loop", watch_event_loop, is_vital=True),
                    background.reporting(partial(_set_task_health, checks, label, service, background)),
                ):
                    yield Serving(
                        label,
                        (Endpoint(f"{label} gRPC", f"{host}:{port}"), Endpoint(f"{label} metrics", metrics_address)),
                    )
            finally:
                await checks.enter_graceful_shutdown()
                await server.stop(grace)
                await asyncio.to_thread(traces.close)
                log.info("%s stopped", label)


def _listen(server: grpc.aio.Server, variable: str, address: str, tls: Tls | None) -> int:
    try:
        port: int = (
            server.add_secure_port(address, tls.server_credentials()) if tls else server.add_insecure_port(address)
        )
    except RuntimeError as error:
        raise cannot_listen(address, variable) from error
    return port


@asynccontextmanager
async def _plain_health(checks: HealthServicer, tls: Tls | None) -> AsyncIterator[None]:
    """Tell health without TLS, and nothing else, where the settings say so: Kubernetes' probes have no certificate."""
    if tls is None or not tls.settings.health_address:
        yield
        return
    server = grpc.aio.server(options=OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    _listen(server, HEALTH_ADDRESS, tls.settings.health_address, None)
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


async def _set_health(
    checks: HealthServicer, service: Service, status: health_pb2.HealthCheckResponse.ServingStatus
) -> None:
    for name in ("", *service.names):
        await checks.set(name, status)


async def _set_task_health(
    checks: HealthServicer, label: str, service: Service, background: Background, task: str, is_healthy: bool
) -> None:
    await checks.set(f"{label}/{task}", _status(is_healthy))
    await _set_health(checks, service, _status(background.are_vital_healthy))


def _status(is_healthy: bool) -> health_pb2.HealthCheckResponse.ServingStatus:
    return health_pb2.HealthCheckResponse.SERVING if is_healthy else health_pb2.HealthCheckResponse.NOT_SERVING
