"""The gateway's memory holds the buffers of all streams that its Envoy lets through."""

from pathlib import Path

import yaml
from voicebox_gateway.envoy.config import render
from voicebox_gateway.envoy.settings import read

from .conftest import Manifest

UNITS = {"Mi": 1024**2, "Gi": 1024**3}
ENVOYS_OWN_BYTES = 1024**2
"""Of a connection whose cluster says nothing: per_connection_buffer_limit_bytes."""
REST_BYTES = 512 * UNITS["Mi"]
"""What Envoy and web take without a stream, with room for the connections."""


def test_streams_fit_into_the_memory_of_the_gateway(
    workloads: dict[str, Manifest], variables: dict[str, dict[str, str]], root: Path
) -> None:
    limit = workloads["gateway"]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    config = yaml.safe_load(
        render(read(variables["gateway"]), root / "protos/gen/voicebox/descriptors.binpb", Path("admin"))
    )
    taken = streams_bytes(config)
    assert int(variables["gateway"]["GATEWAY_MAX_STREAMS"]) >= 256
    assert taken + REST_BYTES <= int(limit[:-2]) * UNITS[limit[-2:]]


def streams_bytes(config: Manifest) -> int:
    """Of as many streams as the limits of all clusters let through, none of which is read by its client or service."""
    listener = next(each for each in config["static_resources"]["listeners"] if each["name"] == "public")
    [filters] = listener["filter_chains"]
    manager = filters["filters"][0]["typed_config"]
    client = manager["http2_protocol_options"]["initial_stream_window_size"]
    [host] = manager["route_config"]["virtual_hosts"]
    total = 0
    for cluster in config["static_resources"]["clusters"]:
        if cluster["name"] in ("gateway", "admin"):  # which list services and statistics
            continue
        [threshold] = cluster["circuit_breakers"]["thresholds"]
        options = cluster.get("typed_extension_protocol_options")
        if options:
            [http] = options.values()
            service = http["explicit_http_config"]["http2_protocol_options"]["initial_stream_window_size"]
        else:
            service = cluster.get("per_connection_buffer_limit_bytes", ENVOYS_OWN_BYTES)
        total += threshold["max_requests"] * (client + service + host["request_body_buffer_limit"])
    return total
