"""What OpenAI's HTTP API says besides its results: error bodies, names of what was ignored, and server-sent events.

OpenAI's clients want `{"error": {"message", "type", "code", "param"}}` with an HTTP status, which gRPC has no place
for: an error leaves in two headers, and the gateway (envoy.yaml) makes the answer of them. Whoever calls by gRPC gets
our usual status. https://platform.openai.com/docs/guides/error-codes
"""

import difflib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import grpc
from google.api import httpbody_pb2
from voicebox_kit import request_id
from voicebox_kit.errors import Code, Exhausted, InvalidField, ResourceError, Unavailable, VoiceboxError

STATUS_HEADER, ERROR_HEADER, RETRY_HEADER = "x-openai-status", "x-openai-error", "retry-after"

PATHS = "/v1/(audio|models|realtime|files|batches)([/?].*)?"
"""The paths of OpenAI's API, with a query or without: a regular expression of RE2, too."""

IGNORED_HEADER, IGNORED_FIELD = "x-voicebox-ignored", "x_voicebox_ignored"
"""Where an answer names the parameters that it does not follow: a header, separated by commas, and a list in the last
event of a stream.
"""

WARNINGS_HEADER, WARNINGS_FIELD = "x-voicebox-warnings", "x_voicebox_warnings"
"""Where an answer lists what was requested and not done: sentences, in the same headers and fields."""

QUERY_HEADER = "x-voicebox-query"
"""The header in which the gateway passes on a request's query; OpenAI's audio paths have no query parameters."""

MIN_SIMILARITY = 0.85
"""Of a parameter's name to one that there is, from 0 to 1: two letters swapped in a word of eight are 0.87."""

MAX_IGNORED, MAX_NAME_CHARACTERS, MAX_WARNING_CHARACTERS = 64, 100, 2000

STATUSES = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.DEADLINE_EXCEEDED: 408,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}
TOO_LARGE_REASONS = ("REQUEST_TOO_LARGE", "AUDIO_TOO_LARGE")
CODES = {
    "INVALID_FIELD": "invalid_value",
    "QUEUE_FULL": "rate_limit_exceeded",
    "KEY_INVALID": "invalid_api_key",
    "KEY_MISSING": "invalid_api_key",
    "REQUESTS_EXHAUSTED": "rate_limit_exceeded",
    "STREAMS_EXHAUSTED": "rate_limit_exceeded",
    "DAY_EXHAUSTED": "insufficient_quota",
}
"""OpenAI's codes for some of our reasons; the others are sent in lower case."""

Context = grpc.aio.ServicerContext[Any, Any]


class InvalidParameter(InvalidField):
    """A parameter is wrong. `field` is its name as the client gave it, and the sentence says so, too."""


@dataclass
class Diagnostics:
    """What an answer has besides its body: headers, names of ignored hints, and warnings. A parameter is ignored only
    if it affects quality; one that would change the meaning of the answer is refused.
    """

    ignored: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def warn(self, sentences: Iterable[str]) -> None:
        """Add sentences on what was requested and not done, each once."""
        new = [sentence for sentence in dict.fromkeys(sentences) if sentence not in self.warnings]
        self.warnings += new[: MAX_IGNORED - len(self.warnings)]

    def ignore(self, name: str) -> None:
        """Add the name of an ignored parameter, once."""
        shown = name[:MAX_NAME_CHARACTERS]
        if shown not in self.ignored and len(self.ignored) < MAX_IGNORED:
            self.ignored.append(shown)

    def ignore_unknown(self, name: str, known: Collection[str]) -> None:
        """As `ignore`, for an unknown parameter; if it is nearly the name of a known one, there is a warning."""
        self.ignore(name)
        if near := _near(name, known):
            self.warn([f"{name[:MAX_NAME_CHARACTERS]} is ignored. Did you mean {near}?"])

    def ignore_query(self, context: Context) -> None:
        """Ignore the parameters of the request's query."""
        query = dict(context.invocation_metadata() or ()).get(QUERY_HEADER, "")
        for name, _ in parse_qsl(str(query), keep_blank_values=True):
            self.ignore(name)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The headers, in ASCII; empty when there is nothing to report."""
        named = {IGNORED_HEADER: ", ".join(map(_ascii, self.ignored))} if self.ignored else {}
        warned = {WARNINGS_HEADER: _sentences(self.warnings)} if self.warnings else {}
        return tuple({**self.headers, **named, **warned}.items())

    @property
    def fields(self) -> Mapping[str, Any]:
        """The same for an event."""
        error_response = {IGNORED_FIELD: list(self.ignored), WARNINGS_FIELD: list(self.warnings)}
        return {name: value for name, value in error_response.items() if value}


def _near(name: str, known: Collection[str]) -> str:
    """The parameter that differs only by its spelling, as `responseFormat` does, or by one or two letters."""
    plain = {re.sub(r"[^a-z0-9]", "", each.lower()): each for each in known}
    written = re.sub(r"[^a-z0-9]", "", name[:MAX_NAME_CHARACTERS].lower())
    if written.removesuffix("s") in plain and written not in plain:
        return ""  # `languages` is a parameter of others
    near = difflib.get_close_matches(written, plain, n=1, cutoff=MIN_SIMILARITY)
    return plain[near[0]] if near else ""


def _sentences(warnings: Iterable[str]) -> str:
    """For a header, whose marks are printable ASCII."""
    joined = " ".join(warnings)[:MAX_WARNING_CHARACTERS]
    return "".join(mark if mark.isascii() and mark.isprintable() else "?" for mark in joined)


def _ascii(name: str) -> str:
    """A header holds printable ASCII; a comma in a name would be read as two names."""
    return "".join(mark if mark.isascii() and mark.isprintable() and mark not in ", " else "?" for mark in name)


@dataclass(frozen=True)
class ErrorResponse:
    """An error in the form of OpenAI's API. `retry_seconds` is when to try again, None when that is not known."""

    status: int
    body: str
    retry_seconds: float | None = None


def error_response(error: Exception, params: Mapping[str, str]) -> ErrorResponse:
    """An error in the form of OpenAI's API; `params` are its names for our fields and kinds of resources."""
    if not isinstance(error, VoiceboxError):
        sentence = f"internal error (request {request_id.current.get()})"
        return ErrorResponse(500, _body(500, sentence, "internal_error", None))
    status = 413 if error.reason in TOO_LARGE_REASONS else STATUSES[error.code]
    own = error.field if isinstance(error, InvalidField) else error.kind if isinstance(error, ResourceError) else ""
    param = (own if isinstance(error, InvalidParameter) else params.get(own, own)) or None
    sentence = _renamed(error.sentence, own, param) if param and isinstance(error, InvalidField) else error.sentence
    if isinstance(error, ResourceError) and error.kind == "model":
        sentence = sentence.replace(
            f"'{error.name}'", f"'{error.name.removeprefix('models/')}'"
        )  # OpenAI's names have no prefix
    retry_seconds = error.retry_seconds if isinstance(error, Unavailable | Exhausted) else None
    return ErrorResponse(status, _body(status, sentence, code_of(error.reason), param), retry_seconds)


def code_of(reason: str) -> str:
    """OpenAI's code for one of our reasons."""
    return CODES.get(reason, reason.lower())


def error_object(status: int, message: str, code: str, param: str | None) -> Mapping[str, str | None]:
    """The object `error` of an answer's body."""
    kind = "requests" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return {"message": message, "type": kind, "param": param, "code": code}


def _renamed(sentence: str, own: str, param: str) -> str:
    """The sentence with the client's name for a field where it names the field, as in "text is empty", and not where it
    uses a word.
    """
    return re.sub(rf"{'' if '.' in own else '^'}{re.escape(own)}\b", lambda _: param, sentence)


async def with_headers(
    bodies: AsyncGenerator[httpbody_pb2.HttpBody],
    context: Context,
    params: Mapping[str, str],
    diagnostics: Diagnostics | None = None,
) -> AsyncGenerator[httpbody_pb2.HttpBody]:
    """The pieces of an answer, after sending its headers. An error before the first piece is sent in the form of
    OpenAI's API. `diagnostics` must be complete when the first piece is yielded.
    """
    begun = False
    try:
        async with aclosing(bodies):
            async for body in bodies:
                if not begun and diagnostics and diagnostics.metadata:
                    await context.send_initial_metadata(diagnostics.metadata)
                begun = True
                yield body
    except Exception as error:
        if not begun:
            await context.send_initial_metadata(_headers(error_response(error, params)))
        raise


async def read_body(pieces: AsyncIterator[bytes], max_bytes: int) -> bytes:
    """A request's body; InvalidField("body") when it is larger than `max_bytes`."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise InvalidField("body", f"The request's body is larger than {max_bytes} bytes.", "REQUEST_TOO_LARGE")
    return bytes(body)


def server_sent_event(**fields: object) -> httpbody_pb2.HttpBody:
    """A server-sent event."""
    return httpbody_pb2.HttpBody(
        content_type="text/event-stream", data=b"data: " + json.dumps(fields).encode() + b"\n\n"
    )


def text_tokens(text: str) -> int:
    """About how many tokens OpenAI would count in a text: one for four characters, its own rule of thumb. Nothing is
    billed by it.
    """
    return -(-len(text) // 4)


def _body(status: int, message: str, code: str, param: str | None) -> str:
    return json.dumps({"error": error_object(status, message, code, param)})


def _headers(error: ErrorResponse) -> tuple[tuple[str, str], ...]:
    headers = ((STATUS_HEADER, str(error.status)), (ERROR_HEADER, error.body))
    return headers if error.retry_seconds is None else (*headers, (RETRY_HEADER, f"{error.retry_seconds:.0f}"))
