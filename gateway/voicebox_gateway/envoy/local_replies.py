"""The errors that the gateway makes by itself, in the shape that the services' errors have.

To HTTP clients google.rpc.Status in JSON, to gRPC clients its code, sentence and details; always with one ErrorInfo.
On OpenAI's paths, which OpenAI's clients call, OpenAI's error body.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/local_reply
"""

import base64
from dataclasses import dataclass
from typing import Any

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from voicebox_compat import openai

DOMAIN = "voicebox"
TYPE_PREFIX = "type.googleapis.com/google.rpc."
# What Envoy knows of the request; it writes null where it knows nothing, which omit_empty_values leaves out.
METADATA = {"request_id": "%REQ(X-REQUEST-ID):128%", "service": "%UPSTREAM_CLUSTER%"}
WELCOME = '{"name":"voicebox","docs":"/docs","openapi":"/openapi.json","health":"/healthz","openai":"/v1"}\n'
"""What `/` says to programs; browsers are sent to `/docs`."""
CEL = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
UNFIT = "A value of the request does not fit its field."
AS_IT_IS = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}}


@dataclass(frozen=True)
class Reply:
    """The answer for an HTTP status: a canonical code, a reason, a sentence, and when to try again.

    `grpc_code` is for gRPC clients, where they expect another one than the HTTP status means; 0 is the same one.
    """

    http_status: int
    code: int
    reason: str
    sentence: str
    retry_seconds: int = 0
    grpc_code: int = 0


FOREIGN_HOST = Reply(
    403, code_pb2.PERMISSION_DENIED, "FOREIGN_HOST", "The Host header names another server; GATEWAY_HOSTS adds names."
)
OVERLOADED = Reply(
    503, code_pb2.UNAVAILABLE, "GATEWAY_OVERLOADED", "The gateway has no memory for more calls.", retry_seconds=1
)


def known(max_request_bytes: int) -> list[Reply]:
    """Every status that the gateway makes by itself, except 400, whose sentence differs each time."""
    too_large = f"The request is larger than {max_request_bytes} bytes; uploads in pieces have no such limit."
    return [
        Reply(
            403,
            code_pb2.PERMISSION_DENIED,
            "FOREIGN_ORIGIN",
            "GATEWAY_CORS_ORIGINS allows no page of this origin to do that.",
        ),
        Reply(
            404,
            code_pb2.NOT_FOUND,
            "UNKNOWN_PATH",
            "There is no such path or method.",
            grpc_code=code_pb2.UNIMPLEMENTED,
        ),
        Reply(405, code_pb2.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "The path exists, but not with this HTTP method."),
        Reply(408, code_pb2.DEADLINE_EXCEEDED, "REQUEST_TOO_SLOW", "The request did not come in time."),
        Reply(413, code_pb2.INVALID_ARGUMENT, "REQUEST_TOO_LARGE", too_large),
        Reply(431, code_pb2.INVALID_ARGUMENT, "HEADERS_TOO_LARGE", "The request's headers are too large."),
        Reply(503, code_pb2.UNAVAILABLE, "SERVICE_UNAVAILABLE", "The service does not answer.", retry_seconds=1),
        Reply(504, code_pb2.DEADLINE_EXCEEDED, "SERVICE_TOO_SLOW", "The service did not answer in time."),
    ]


def local_reply_config(max_request_bytes: int, hosts: str) -> dict[str, Any]:
    """Envoy's local_reply_config: the first mapper that fits is taken. `hosts` is the pattern of this server's own
    names.
    """
    replies = known(max_request_bytes)
    internal = Reply(500, code_pb2.INTERNAL, "GATEWAY", "%LOCAL_REPLY_BODY%")
    refused = Reply(400, code_pb2.INVALID_ARGUMENT, "BAD_REQUEST", "The request is refused. %LOCAL_REPLY_BODY%")
    return {
        "mappers": [
            *(_with(_is_foreign(hosts), mapper) for mapper in _mappers(FOREIGN_HOST)),
            *(_with(_is_overloaded(), mapper) for mapper in _mappers(OVERLOADED)),
            # The health report and the welcome are no errors.
            {
                "filter": _header(":path", safe_regex={"regex": "/(healthz?/?)?([?].*)?"}),
                "body_format_override": {**AS_IT_IS, "content_type": "application/json"},
            },
            # A 204 has no body: with one, HTTP/1.1 clients take it for the next response.
            {"filter": _has_status(204), "body_format_override": AS_IT_IS},
            # Accounts has written the whole answer, unless it was away.
            {
                "filter": _is_refused_by_accounts(),
                "body_format_override": {**AS_IT_IS, "content_type": "application/json"},
            },
            # native.lua has written the whole answer.
            {
                "filter": _has_metadata("voicebox.native", "refused"),
                "body_format_override": {**AS_IT_IS, "content_type": "application/json"},
            },
            *(_grpc_mapper(reply) for reply in replies),
            {"filter": _is_grpc(), "body_format_override": AS_IT_IS},
            # What native.lua let pass and the transcoder still refuses, in words about its own types.
            {
                "filter": {"and_filter": {"filters": [_has_metadata("voicebox.native", "checked"), _has_status(400)]}},
                "body_format_override": _json(Reply(400, code_pb2.INVALID_ARGUMENT, "BAD_REQUEST", UNFIT)),
            },
            *(_openai_mapper(reply) for reply in (*replies, internal, refused)),
            *({"filter": _has_status(reply.http_status), "body_format_override": _json(reply)} for reply in replies),
            {"filter": _has_status(500, "GE"), "body_format_override": _json(internal)},
        ],
        "body_format": _json(refused),
    }


def status(reply: Reply) -> status_pb2.Status:
    """The same as a message, for gRPC clients: they find it where they find a service's own."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reply.reason, domain=DOMAIN)]
    if reply.retry_seconds:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=reply.retry_seconds)))
    packed = [any_pb2.Any() for _ in details]
    for box, detail in zip(packed, details, strict=True):
        box.Pack(detail)
    return status_pb2.Status(code=reply.grpc_code or reply.code, message=reply.sentence, details=packed)


def _json(reply: Reply) -> dict[str, Any]:
    metadata = (
        METADATA if reply.http_status != 404 else {"request_id": METADATA["request_id"]}
    )  # nobody's path is no service's
    details: list[dict[str, Any]] = [
        {"@type": TYPE_PREFIX + "ErrorInfo", "reason": reply.reason, "domain": DOMAIN, "metadata": metadata}
    ]
    if reply.retry_seconds:
        details.append({"@type": TYPE_PREFIX + "RetryInfo", "retryDelay": f"{reply.retry_seconds}s"})
    return {
        "omit_empty_values": True,
        "json_format": {"code": reply.code, "message": reply.sentence, "details": details},
    }


def _openai_mapper(reply: Reply) -> dict[str, Any]:
    """For the status of `reply`; of 500 and 400 for all above that no other mapper took."""
    kind = "server_error" if reply.http_status >= 500 else "invalid_request_error"
    error = {"message": reply.sentence, "type": kind, "param": None, "code": reply.reason.lower()}
    mapper = {
        "filter": {
            "and_filter": {
                "filters": [
                    _is_openai(),
                    _has_status(reply.http_status, "GE" if reply.http_status in (400, 500) else "EQ"),
                ]
            }
        },
        "body_format_override": {"json_format": {"error": error}},
    }
    retry = {"header": {"key": "retry-after", "value": str(reply.retry_seconds)}}
    return {**mapper, "headers_to_add": [retry]} if reply.retry_seconds else mapper


def _mappers(reply: Reply) -> list[dict[str, Any]]:
    """Of one reply, in each form."""
    plain = {"filter": _has_status(reply.http_status), "body_format_override": _json(reply)}
    return [_grpc_mapper(reply), _openai_mapper(reply), plain]


def _with(condition: dict[str, Any], mapper: dict[str, Any]) -> dict[str, Any]:
    return {**mapper, "filter": {"and_filter": {"filters": [condition, mapper["filter"]]}}}


def _is_foreign(hosts: str) -> dict[str, Any]:
    matcher = {"name": ":authority", "string_match": {"safe_regex": {"regex": hosts}}, "invert_match": True}
    return {"header_filter": {"header": matcher}}


def _is_openai() -> dict[str, Any]:
    # The transcoder may have put a gRPC path in its place.
    paths = [_header(name, safe_regex={"regex": openai.PATHS}) for name in (":path", "x-envoy-original-path")]
    return {"or_filter": {"filters": paths}}


def _grpc_mapper(reply: Reply) -> dict[str, Any]:
    message = status(reply)
    binary = base64.b64encode(message.SerializeToString()).decode().rstrip("=")
    headers = {"grpc-status": str(message.code), "grpc-status-details-bin": binary}
    return {
        "filter": {"and_filter": {"filters": [_is_grpc(), _has_status(reply.http_status)]}},
        "body": {"inline_string": reply.sentence},
        "body_format_override": AS_IT_IS,
        "headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in headers.items()
        ],
    }


def _is_grpc() -> dict[str, Any]:
    # A JSON request has become a gRPC one by the time it reaches a service; then the transcoder has kept its path.
    content = _header("content-type", prefix="application/grpc")
    transcoded = {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": False}}}
    return {"and_filter": {"filters": [content, transcoded]}}


def _is_refused_by_accounts() -> dict[str, Any]:
    flag = {"response_flag_filter": {"flags": ["UAEX"]}}
    return {"and_filter": {"filters": [flag, _has_status(502, "LE")]}}


def _is_overloaded() -> dict[str, Any]:
    # Its flag, OM, is not set yet when the reply is made.
    config = {"@type": CEL, "expression": 'response.code_details == "overload"'}
    return {"extension_filter": {"name": "overloaded", "typed_config": config}}


def _has_metadata(namespace: str, key: str) -> dict[str, Any]:
    """Whether a filter has set this key of the request's dynamic metadata."""
    matcher = {"filter": namespace, "path": [{"key": key}], "value": {"bool_match": True}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": False}}


def _header(name: str, **matcher: Any) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": name, "string_match": matcher}}}


def _has_status(http_status: int, comparison: str = "EQ") -> dict[str, Any]:
    return {
        "status_code_filter": {
            "comparison": {"op": comparison, "value": {"default_value": http_status, "runtime_key": "unused"}}
        }
    }
