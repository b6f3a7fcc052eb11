"""Errors in OpenAI's form: https://platform.openai.com/docs/guides/error-codes."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import grpc
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from voicebox_compat import openai
from voicebox_kit.errors import InvalidField, Unavailable
from voicebox_kit.peer_calls import details_of


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
        return openai.error_object(self.status, self.message, self.code, self.param)

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """The HTTP answer."""
        return JSONResponse({"error": self.error}, self.status, headers)


class Refused(Exception):
    """A request is answered with this error."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


Handler = Callable[[Request], Awaitable[Response]]


def answering(handler: Handler) -> Handler:
    """The handler, whose errors about the request, and those of our services, become answers."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except grpc.aio.AioRpcError as error:
            return from_rpc_error(error).response()
        except InvalidField as error:
            return from_field_error(error).response()
        except Unavailable as error:
            return ApiError(503, error.sentence, error.reason.lower()).response()
        except Refused as refused:
            return refused.error.response()

    return answer


def from_rpc_error(error: grpc.aio.AioRpcError) -> ApiError:
    """The error of one of our services: in OpenAI's form where the service sent that, else translated."""
    pairs: Any = error.initial_metadata() or ()  # which its type does not say
    own = dict(pairs)
    if openai.ERROR_HEADER in own:
        sent = json.loads(own[openai.ERROR_HEADER])["error"]
        return ApiError(int(own[openai.STATUS_HEADER]), sent["message"], sent["code"], sent["param"])
    number, _ = error.code().value
    statuses = {int(code): status for code, status in openai.STATUSES.items()}
    details = details_of(error)
    code = openai.code_of(details.reason) or error.code().name.lower()
    return ApiError(statuses.get(number, 500), error.details() or "The service does not answer.", code, details.field)


def from_field_error(error: InvalidField) -> ApiError:
    """The error about a field that the client sent."""
    return ApiError(400, error.sentence, openai.code_of(error.reason), error.field or None)
