"""What OpenAI's HTTP API says besides its results: error bodies, and server-sent events.

OpenAI's clients want `{"error": {"message", "type", "code", "param"}}` with an HTTP status, which gRPC has no place for: an error
leaves in two headers, and the gateway (envoy.yaml) makes the answer of them. Whoever calls by gRPC gets our usual status.
https://platform.openai.com/docs/guides/error-codes
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.api import httpbody_pb2

from . import request_id
from .errors import Code, Exhausted, InvalidField, ResourceError, Unavailable, VoiceboxError

STATUS_HEADER, ERROR_HEADER, RETRY_HEADER = "x-openai-status", "x-openai-error", "retry-after"

STATUSES = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.NOT_FOUND: 404,
    Code.DEADLINE_EXCEEDED: 408,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}
TOO_LARGE = ("REQUEST_TOO_LARGE", "AUDIO_TOO_LARGE")
CODES = {"INVALID_FIELD": "invalid_value", "QUEUE_FULL": "rate_limit_exceeded"}
"""OpenAI's words for some of our reasons; the others are told as they are, in lower case."""

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Told:
    """An error as OpenAI's clients want it. `retry_seconds` is when to try again, None when that is not known."""

    status: int
    body: str
    retry_seconds: float | None = None


def told(error: Exception, params: Mapping[str, str]) -> Told:
    """An error in OpenAI's words; `params` are its names for the fields, or kinds of resources, of ours."""
    if not isinstance(error, VoiceboxError):
        return Told(500, _body(f"internal error (request {request_id.current.get()})", "server_error", "internal_error", None))
    status = 413 if error.reason in TOO_LARGE else STATUSES[error.code]
    kind = "requests" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    own = error.field if isinstance(error, InvalidField) else error.kind if isinstance(error, ResourceError) else ""
    param = params.get(own, own) or None
    sentence = re.sub(rf"\b{re.escape(own)}\b", param, error.sentence) if param and isinstance(error, InvalidField) else error.sentence
    retry_seconds = error.retry_seconds if isinstance(error, Unavailable | Exhausted) else None
    return Told(status, _body(sentence, kind, CODES.get(error.reason, error.reason.lower()), param), retry_seconds)


async def answered(
    bodies: AsyncGenerator[httpbody_pb2.HttpBody], context: Context, params: Mapping[str, str]
) -> AsyncGenerator[httpbody_pb2.HttpBody]:
    """The pieces of an answer. What goes wrong before the first one is told as OpenAI tells it."""
    begun = False
    try:
        async with aclosing(bodies):
            async for body in bodies:
                begun = True
                yield body
    except Exception as error:
        if not begun:
            await context.send_initial_metadata(_headers(told(error, params)))
        raise


async def whole(pieces: AsyncIterator[bytes], most_bytes: int) -> bytes:
    """A request's body; InvalidField("body") when it is larger than `most_bytes`."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > most_bytes:
            raise InvalidField("body", f"The request's body is larger than {most_bytes} bytes.", "REQUEST_TOO_LARGE")
    return bytes(body)


def event(**fields: object) -> httpbody_pb2.HttpBody:
    """A server-sent event."""
    return httpbody_pb2.HttpBody(content_type="text/event-stream", data=b"data: " + json.dumps(fields).encode() + b"\n\n")


def text_tokens(text: str) -> int:
    """About how many tokens OpenAI would count in a text: one for four characters, its own rule of thumb. Nothing is billed by it."""
    return -(-len(text) // 4)


def _body(message: str, kind: str, code: str, param: str | None) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def _headers(error: Told) -> tuple[tuple[str, str], ...]:
    headers = ((STATUS_HEADER, str(error.status)), (ERROR_HEADER, error.body))
    return headers if error.retry_seconds is None else (*headers, (RETRY_HEADER, f"{error.retry_seconds:.0f}"))
