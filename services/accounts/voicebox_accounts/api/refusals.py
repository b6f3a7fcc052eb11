"""Refusals at the gateway, each in the form that the client reads."""

import base64
import json
import re
from collections.abc import Mapping
from enum import Enum

from google.protobuf import json_format
from voicebox.accounts.v1 import authorization_pb2 as pb
from voicebox_compat import openai
from voicebox_kit.errors import Code, Exhausted, VoiceboxError
from voicebox_kit.status import DETAILS_HEADER, to_status

from voicebox_accounts.limits.requests import RequestsLeft

REPLACE = 2
"""Envoy's OVERWRITE_IF_EXISTS_OR_ADD."""


class Form(Enum):
    """How a client reads an error."""

    GRPC = "a status in headers"
    OPENAI = "OpenAI's error body"
    JSON = "google.rpc.Status in JSON"


def form(path: str, headers: Mapping[str, str]) -> Form:
    """The form for a request: JSON that the gateway translated to gRPC has its HTTP path in a header."""
    original = headers.get("x-envoy-original-path", "").partition("?")[0]
    if headers.get("content-type", "").startswith("application/grpc") and not original:
        return Form.GRPC
    return Form.OPENAI if re.fullmatch(openai.PATHS, original or path) else Form.JSON


def refusal(error: VoiceboxError, request_id: str, how: Form) -> pb.CheckResponse:
    """What Envoy answers in place of the service."""
    status = to_status(error, request_id)
    denied = pb.DeniedResponse(status=pb.CheckHttpStatus(code=openai.STATUSES[error.code]))
    match how:
        case Form.GRPC:
            details = base64.b64encode(status.SerializeToString()).decode().rstrip("=")
            denied.body = status.message
            denied.headers.extend([header("grpc-status", str(status.code)), header(DETAILS_HEADER, details)])
        case Form.OPENAI:
            denied.body = openai.error_response(error, {}).body
        case Form.JSON:
            denied.body = json.dumps(
                {
                    "code": status.code,
                    "message": status.message,
                    "details": [json_format.MessageToDict(each) for each in status.details],
                },
                separators=(",", ":"),
            )
    if how is not Form.GRPC:
        denied.headers.append(header("content-type", "application/json"))
    if error.code is Code.UNAUTHENTICATED:
        denied.headers.append(header("www-authenticate", "Bearer"))
    if isinstance(error, Exhausted) and error.retry_seconds is not None:
        denied.headers.append(header("retry-after", f"{max(1, round(error.retry_seconds))}"))
    answer = pb.CheckResponse(denied_response=denied)
    answer.status.code = status.code
    return answer


def rate_headers(left: RequestsLeft) -> list[pb.HeaderChange]:
    """What OpenAI's clients read about the limit of requests."""
    return [
        header("x-ratelimit-limit-requests", str(left.maximum)),
        header("x-ratelimit-remaining-requests", str(left.left)),
        header("x-ratelimit-reset-requests", f"{left.reset_seconds:.0f}s"),
    ]


def header(name: str, value: str) -> pb.HeaderChange:
    """A header that replaces one of the same name."""
    return pb.HeaderChange(header=pb.HeaderPair(key=name, value=value), append_action=REPLACE)
