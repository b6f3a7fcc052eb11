"""Envoy's own spans, sent to a collector by OTLP over gRPC; what services are called with joins theirs to them."""

import json
from collections.abc import Mapping
from typing import Any

NAME = "envoy.tracers.opentelemetry"
CLUSTER = "traces"
SECONDS = 2.0
"""How long a collector may take."""


def parts(address: Mapping[str, Any] | None) -> Mapping[str, str]:
    """What stands in envoy.yaml for a collector at `address`; nothing for None."""
    if address is None:
        return {"tracing": "", "traces_cluster": ""}
    return {"tracing": f"tracing: {json.dumps(_tracing())}", "traces_cluster": f"- {json.dumps(_cluster(address))}"}


def _tracing() -> Mapping[str, Any]:
    collector = {"envoy_grpc": {"cluster_name": CLUSTER}, "timeout": f"{SECONDS:g}s"}
    config = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "grpc_service": collector,
        "service_name": "voicebox-gateway",
    }
    # The URL of a span would have the query, and with it a user's text.
    return {"provider": {"name": NAME, "typed_config": config}, "max_path_tag_length": 1}


def _cluster(address: Mapping[str, Any]) -> Mapping[str, Any]:
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": CLUSTER,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "2s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": endpoints},
    }
