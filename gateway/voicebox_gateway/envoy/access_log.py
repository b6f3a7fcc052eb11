"""One line in the gateway's log for each call, out of Envoy's access log: what it was, how it ended and what it cost.

https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from voicebox_kit import call_log

from .authorization import NAME

KEY_ID = "key_id"
"""What accounts puts into the metadata of an allowed call."""

LINE: Mapping[str, str] = {
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH):200%",
    "code": "%RESPONSE_CODE%",
    "grpc_code": "%GRPC_STATUS(SNAKE_STRING)%",
    "flags": "%RESPONSE_FLAGS%",
    "why": "%RESPONSE_CODE_DETAILS%",
    "service": "%UPSTREAM_CLUSTER%",
    "replica": "%UPSTREAM_HOST%",
    "request_id": "%REQ(X-REQUEST-ID):128%",
    KEY_ID: f"%DYNAMIC_METADATA({NAME}:{KEY_ID})%",
    "protocol": "%PROTOCOL%",
    "seconds": "%DURATION%",
    "first_byte_seconds": "%RESPONSE_DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
}
"""A line as Envoy writes it, in JSON; its durations are in milliseconds."""

FLAGS = "flags"
"""What the gateway itself refused, or could not do; empty where a service has answered."""

IN_MILLISECONDS = ("seconds", "first_byte_seconds")

_calls, _refused = logging.getLogger(call_log.LOGGER), logging.getLogger("voicebox_gateway.envoy")


def logged_calls(*, everything: bool) -> Mapping[str, Any]:
    """Envoy's filter: every call but health checks, or what the gateway itself refused or could not do."""
    failed: dict[str, Any] = {"response_flag_filter": {}}
    if not everything:
        return failed
    path = {"name": ":path", "string_match": {"safe_regex": {"regex": "/healthz?/?([?].*)?"}}, "invert_match": True}
    return {"or_filter": {"filters": [failed, {"header_filter": {"header": path}}]}}


def write(line: str) -> None:
    """Write a line of Envoy's access log into ours. Raises ValueError for another form."""
    details = call_details(line)
    what = f"{details.get('method', '')} {details.get('path', '')} {details.get('code', '')}"
    if _calls.isEnabledFor(logging.INFO):
        _calls.info("%s", what, extra={call_log.DETAILS: details})
    else:
        rest = [f"{name}={value}" for name, value in details.items() if name not in ("method", "path", "code")]
        _refused.info("access: %s %s", what, " ".join(rest))


def call_details(line: str) -> Mapping[str, Any]:
    """The figures of a call, with its durations in seconds. Raises ValueError for another form."""
    details: dict[str, Any] = json.loads(line)
    if details.get(FLAGS) == "-":
        del details[FLAGS]
    return {
        name: value / 1000 if name in IN_MILLISECONDS else value
        for name, value in details.items()
        if value not in ("", None)
    }
