"""Puts the gateway together."""

import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import gettempdir

from voicebox_kit.folders import scratch_folder
from voicebox_kit.server import Endpoint, Serving
from voicebox_kit.tls import load_pair
from voicebox_kit.tls import read as certificates

from . import config, metrics, process, reflection, tls
from .admin import Admin
from .settings import DEFAULT_ADDRESS, Settings, read

log = logging.getLogger(__name__)

MAX_FOLDER_BYTES = 68


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What the gateway will listen on, by variable."""
    settings = read(env)
    return {
        "GATEWAY_ADDRESS": settings.address,
        **({"GATEWAY_METRICS_ADDRESS": settings.metrics_address} if settings.metrics_address else {}),
    }


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """Run Envoy in front of the services, which may start before or after it, and drain it at the end.

    Raises StartError when a variable does not fit or the address is taken.
    """
    settings = read(env)
    _check_certificates(settings)
    described = as_file(files("voicebox") / "descriptors.binpb")
    with scratch_folder("voicebox-gateway-", Path(_short_folder())) as folder, described as descriptors:
        admin, described_at = Admin(folder / "admin.sock", settings.admin_address), folder / "grpc.sock"
        for name, secret in tls.secrets(settings.tls, settings.services_tls).items():
            (folder / name).write_text(secret, encoding="utf-8")
        path = config.write(folder, config.render(settings, descriptors, admin.socket, described_at))
        async with (
            reflection.serving(described_at, descriptors.read_bytes()),
            process.running(path, admin, settings.worker_threads, settings.grace_seconds) as envoy,
        ):
            address = await admin.listen_address()
            log.info("gateway serves on %s", address)
            endpoints = [Endpoint("gateway", address)]
            if settings.metrics_address:
                endpoints.append(Endpoint("gateway metrics", await admin.listen_address(metrics.CLUSTER)))
            yield Serving("gateway", tuple(endpoints), _hints(settings, address), envoy.ended)
        log.info("gateway stopped")


def _check_certificates(settings: Settings) -> None:
    """Envoy would start with files that it cannot use, and answer nobody."""
    if settings.tls:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), *settings.tls)
    if settings.services_tls:
        certificates(settings.services_tls.folder)


def _short_folder() -> str:
    """Where temporary folders go, unless the path of a Unix socket, at most 107 bytes, could not hold its name."""
    usual = gettempdir()
    return usual if len(usual.encode()) <= MAX_FOLDER_BYTES else "/tmp"  # noqa: S108  # a folder of our own is made in it


def _hints(settings: Settings, address: str) -> tuple[str, ...]:
    if settings.authenticates:
        return ("export VOICEBOX_API_KEY=$(.venv/bin/voicebox keys create --local --owner me --scopes admin)",)
    return hints(address, is_tls=settings.tls is not None)


def hints(address: str, *, is_tls: bool) -> tuple[str, ...]:
    """What to try: the page with every call, speech to the speakers, speech to a file, and the file back to text."""
    url = f"{'https' if is_tls else 'http'}://{address}"
    server = "" if address == DEFAULT_ADDRESS else f"--server {address} "
    say = () if is_tls else (f".venv/bin/voicebox {server}say --play 'Hello from voicebox.'",)
    return (
        f"{url}/docs",
        *say,
        f"curl -G {url}/v1/speech:play --data-urlencode 'text=Hello from voicebox.' -o hello.wav",
        f"curl {url}/v1/speech:recognizeUpload --data-binary @hello.wav",
    )
