"""Settings become Envoy's configuration."""

import base64
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from voicebox_kit import hosts

from voicebox_gateway import origins

from . import access_log, authorization, google_rest, local_replies, metrics, native_paths, overload, tls, traces
from .settings import Settings

_REST = "%[89ABab][0-9A-Fa-f]"
UTF8_ESCAPES = (
    "([^%]|%[0-7]?([^0-9A-Fa-f89]|$)|%[0-7][0-9A-Fa-f]"
    f"|%[Cc][2-9A-Fa-f]{_REST}|%[Dd][0-9A-Fa-f]{_REST}"
    f"|%[Ee]([1-9A-Ca-cE-Fe-f]{_REST}|0%[ABab][0-9A-Fa-f]|[Dd]%[89][0-9A-Fa-f]){_REST}"
    f"|%[Ff]([1-3]{_REST}|0%(9|[ABab])[0-9A-Fa-f]|4%8[0-9A-Fa-f]){_REST}{_REST})*"
)
"""A URL in RE2 whose escaped bytes are UTF-8 (RFC 3629, 4)."""


GOOGLE_REQUEST_BYTES = 14 * 1024 * 1024
"""Of a request to Google's REST paths: 10 MB of audio, their limit, in base64."""


def render(
    settings: Settings, descriptors: Path, admin_socket: Path, reflection_socket: Path = Path("grpc.sock")
) -> str:
    """The whole configuration as YAML. `descriptors` is the protos' descriptor set; `admin_socket` serves where no
    admin address is set.

    At `reflection_socket` the gateway itself lists the services; the secrets of TLS lie beside it.
    """
    admin = (
        socket_address(settings.admin_address)
        if settings.admin_address
        else {"pipe": {"path": str(admin_socket), "mode": 0o600}}
    )
    values = {
        "admin": admin,
        "address": socket_address(settings.address),
        "tts": _endpoints(settings.tts_address),
        "asr": _endpoints(settings.asr_address),
        "conversion": _endpoints(settings.conversion_address),
        "catalog": _endpoints(settings.catalog_address),
        "jobs": _endpoints(settings.jobs_address),
        "reflection": {"pipe": {"path": str(reflection_socket)}},
        "web": _endpoints(settings.web_address),
        "accounts": _endpoints(settings.accounts_address),
        "descriptors": str(descriptors),
        "google_descriptors": base64.b64encode(google_rest.descriptors().SerializeToString()).decode(),
        "google_services": google_rest.service_names(),
        "google_fields": native_paths.tables(google_rest.descriptors(), native_paths.GOOGLE_SERVICES)
        + _part("native.lua")
        + _part("google_fields.lua"),
        "headers": _part("headers.lua"),
        "google_request_bytes": max(settings.max_request_bytes, GOOGLE_REQUEST_BYTES),
        "native": native_paths.tables(FileDescriptorSet.FromString(descriptors.read_bytes())) + _part("native.lua"),
        "cors_origins": origins.pattern(settings.cors_origins),
        "hosts": hosts.pattern(settings.hosts),
        "local_replies": local_replies.local_reply_config(settings.max_request_bytes, hosts.pattern(settings.hosts)),
        "max_request_bytes": settings.max_request_bytes,
        "max_response_bytes": settings.max_response_bytes,
        "max_connections": settings.max_connections,
        "max_streams": settings.max_streams,
        "logged_calls": access_log.logged_calls(everything=settings.logs_calls),
        "call_line": access_log.LINE,
        "utf8_escapes": UTF8_ESCAPES,
        "welcome": local_replies.WELCOME,
        "health_ms": round(1000 * settings.health_seconds),
    }
    durations = {
        "unary": settings.unary_seconds,
        "stream_idle": settings.stream_idle_seconds,
        "connection_idle": settings.connection_idle_seconds,
        "session_idle": settings.session_idle_seconds,
    }
    template = Template(_part("envoy.yaml"))
    # JSON is YAML: what json.dumps writes cannot break out of its place.
    return template.substitute(
        {name: json.dumps(value) for name, value in values.items()},
        **{name: f"{seconds:.3f}s" for name, seconds in durations.items()},
        **authorization.filters(_part("take_keys.lua"), is_on=settings.authenticates),
        **_transport_sockets(settings, reflection_socket.parent),
        **overload.parts(settings.max_heap_bytes),
        **traces.parts(socket_address(settings.traces_address) if settings.traces_address else None),
        **metrics.parts(
            socket_address(settings.metrics_address) if settings.metrics_address else None,
            admin,
            is_loopback=hosts.is_loopback(settings.metrics_address),
        ),
    )


def _transport_sockets(settings: Settings, folder: Path) -> dict[str, str]:
    """TLS of the listener and of each cluster, whose secrets lie in `folder`; nothing where it is off."""
    found = {"tls": tls.downstream(folder)} if settings.tls else {}
    if settings.services_tls:
        for name, address, protocol in (
            ("tts", settings.tts_address, "h2"),
            ("asr", settings.asr_address, "h2"),
            ("conversion", settings.conversion_address, "h2"),
            ("catalog", settings.catalog_address, "h2"),
            ("jobs", settings.jobs_address, "h2"),
            ("accounts", settings.accounts_address, "h2"),
            ("web", settings.web_address, "http/1.1"),
        ):
            found[f"{name}_tls"] = tls.upstream(folder, settings.services_tls, address, protocol)
    names = ("tls", "tts_tls", "asr_tls", "conversion_tls", "catalog_tls", "jobs_tls", "accounts_tls", "web_tls")
    return {name: f"transport_socket: {json.dumps(found[name])}" if name in found else "" for name in names}


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def write(folder: Path, text: str) -> Path:
    """Put the configuration where Envoy will read it."""
    path = folder / "envoy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _endpoints(addresses: str) -> list[dict[str, Any]]:
    """Of a cluster: one for each of the addresses, which are divided by commas."""
    return [{"endpoint": {"address": socket_address(address)}} for address in addresses.split(",")]


def socket_address(address: str) -> dict[str, Any]:
    """`host:port` or `[ipv6]:port` as Envoy writes it. The host may be a name where Envoy connects, not where it
    listens.
    """
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
