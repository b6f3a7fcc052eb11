"""Envoy's part of TLS: secrets in files, which Envoy reads again when their folder is changed by a rename."""

import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicebox_kit.tls import AUTHORITY, CHAIN, KEY, TlsSettings

KIND = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
OLDEST = {"tls_minimum_protocol_version": "TLSv1_2"}
LISTENER, OWN, TRUSTED = "listener", "own", "trusted"

Pair = tuple[Path, Path]


def secrets(listener: Pair | None, services: TlsSettings | None) -> Mapping[str, str]:
    """By the names of files, what Envoy reads them for: the listener's certificate, that which services are shown, and
    the authority which signed theirs.
    """
    found: dict[str, dict[str, Any]] = {}
    if listener:
        found[LISTENER] = {"tls_certificate": _certificate(*listener)}
    if services:
        folder = services.folder
        found[OWN] = {"tls_certificate": _certificate(folder / CHAIN, folder / KEY)}
        found[TRUSTED] = {
            "validation_context": {"trusted_ca": _file(folder / AUTHORITY), "watched_directory": {"path": str(folder)}}
        }
    return {
        f"{name}.json": json.dumps({"resources": [{"@type": f"{KIND}Secret", "name": name, **secret}]})
        for name, secret in found.items()
    }


def downstream(folder: Path) -> dict[str, Any]:
    """The transport socket of the listener, speaking HTTP/2 with who can. Its secret lies in `folder`."""
    return _socket(
        "DownstreamTlsContext",
        {
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": OLDEST,
                "tls_certificate_sds_secret_configs": [_secret(folder, LISTENER)],
            }
        },
    )


def upstream(folder: Path, services: TlsSettings, address: str, protocol: str) -> dict[str, Any]:
    """The transport socket to a service at `address`, by ALPN `protocol`: both sides show their certificates. Where
    TlsSettings has no name, several addresses all show that of the first.
    """
    name = services.name or address.partition(",")[0].rpartition(":")[0].strip("[]")
    kind = "IP_ADDRESS" if _is_ip(name) else "DNS"
    return _socket(
        "UpstreamTlsContext",
        {
            **({} if _is_ip(name) else {"sni": name}),
            "common_tls_context": {
                "alpn_protocols": [protocol],
                "tls_params": OLDEST,
                "tls_certificate_sds_secret_configs": [_secret(folder, OWN)],
                "combined_validation_context": {
                    "default_validation_context": {
                        "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": name}}]
                    },
                    "validation_context_sds_secret_config": _secret(folder, TRUSTED),
                },
            },
        },
    )


def _certificate(chain: Path, key: Path) -> dict[str, Any]:
    """Both files in one folder, as Kubernetes mounts them, change at once; else each is looked at alone."""
    watched = {"watched_directory": {"path": str(chain.parent)}} if chain.parent == key.parent else {}
    return {"certificate_chain": _file(chain), "private_key": _file(key), **watched}


def _file(path: Path) -> dict[str, str]:
    return {"filename": str(path)}


def _secret(folder: Path, name: str) -> dict[str, Any]:
    source = {"path_config_source": {"path": str(folder / f"{name}.json")}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def _socket(kind: str, context: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": f"{KIND}{kind}", **context}}


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
