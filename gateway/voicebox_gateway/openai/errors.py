"""Errors in OpenAI's form: https://platform.openai.com/docs/guides/error-codes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from starlette.responses import JSONResponse
from voicebox_compat import openai
from voicebox_kit.errors import InvalidField
from voicebox_kit.status import DETAILS_HEADER


@dataclass(frozen=True)
class ApiError:
    """An error in the form of OpenAI's API: an HTTP status, and the members of the body's `error`."""

    status: int
    message: str
    code: str
    param: str | None = None

    @property
    def error(self) -> Mapping[str, str | None]:
        """The object `error` of the body."""
        kind = "requests" if self.status == 429 else "server_error" if self.status >= 500 else "invalid_request_error"
        return {"message": self.message, "type": kind, "param": self.param, "code": self.code}

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The HTTP answer."""
        return JSONResponse({"error": self.error}, self.status, headers)


def from_rpc_error(error: grpc.aio.AioRpcError) -> ApiError:
    """The error of one of our services: in OpenAI's form where the service sent that, else translated."""
    pairs: Any = error.initial_metadata() or ()  # which its type does not say
    own = dict(pairs)
    if openai.ERROR_HEADER in own:
        sent = json.loads(own[openai.ERROR_HEADER])["error"]
        return ApiError(int(own[openai.STATUS_HEADER]), sent["message"], sent["code"], sent["param"])
    number, _ = error.code().value
    statuses = {int(code): status for code, status in openai.STATUSES.items()}
    reason, field = _details(error)
    code = openai.CODES.get(reason, reason.lower()) or error.code().name.lower()
    return ApiError(statuses.get(number, 500), error.details() or "The service does not answer.", code, field)


def from_field_error(error: InvalidField) -> ApiError:
    """The error about a field that the client sent."""
    return ApiError(400, error.sentence, openai.CODES.get(error.reason, error.reason.lower()), error.field or None)


def _details(error: grpc.aio.AioRpcError) -> tuple[str, str | None]:
    """The reason and the field of a service's error; empty and None where it has none."""
    pairs: Any = error.trailing_metadata() or ()  # which its type does not say
    packed = dict(pairs).get(DETAILS_HEADER, b"")
    reason, field = "", None
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(packed).details:
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad) and bad.field_violations:
            field = bad.field_violations[0].field
    return reason, field
