"""Google's long-running operations, over the store of them."""

import asyncio
import math
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2
from voicebox_kit import deadline, principal
from voicebox_kit.errors import InvalidField, VoiceboxError
from voicebox_kit.status import internal, to_status

from .operation_store import Operation, Operations

OPERATIONS_SERVICE = "google.longrunning.Operations"
PAGE_SIZE = 50

Context = grpc.aio.ServicerContext[Any, Any]


class GoogleOperationsServicer:
    """The google.longrunning.Operations: each caller's own."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def GetOperation(self, request: Any, context: Context) -> Any:
        return to_proto(self._find(request.name, context))

    async def WaitOperation(self, request: Any, context: Context) -> Any:
        """Answers when it has ended, or when the time to wait is over."""
        operation = self._find(request.name, context)
        at_most = request.timeout.ToMicroseconds() / 1e6 if request.HasField("timeout") else math.inf
        seconds = deadline.remaining(context, at_most)
        await asyncio.wait({operation.task}, timeout=None if math.isinf(seconds) else seconds)
        return to_proto(operation)

    async def ListOperations(self, request: Any, context: Context) -> Any:
        if request.filter:
            raise InvalidField("filter", "filter is not understood here: leave it empty.", "UNSUPPORTED")
        found = list(self._operations.of(request.name, principal.owner(context)))
        start = _start([each.name for each in found], request.page_token)
        end = start + (request.page_size if request.page_size > 0 else PAGE_SIZE)
        token = found[end - 1].name if end < len(found) else ""
        return operations_pb2.ListOperationsResponse(operations=map(to_proto, found[start:end]), next_page_token=token)

    async def CancelOperation(self, request: Any, context: Context) -> Any:
        task = self._find(request.name, context).task
        task.cancel()
        await asyncio.wait({task})
        return Empty()

    async def DeleteOperation(self, request: Any, context: Context) -> Any:
        self._operations.delete(self._find(request.name, context))
        return Empty()

    def _find(self, name: str, context: Context) -> Operation:
        return self._operations.find(name, principal.owner(context))


def to_proto(operation: Operation) -> Any:
    """The google.longrunning.Operation: how far it is, and its response or error once it has ended."""
    message = operations_pb2.Operation(name=operation.name, done=operation.task.done())
    _pack(message.metadata, operation.describe(operation))
    if operation.task.done():
        if error := _error(operation):
            message.error.CopyFrom(error)
        else:
            _pack(message.response, operation.task.result())
    return message


def _pack(field: Any, message: Message) -> None:
    """Put a message into an Any; one that is packed already stays as it is."""
    if isinstance(message, any_pb2.Any):
        field.CopyFrom(message)
    else:
        field.Pack(message)


def _error(operation: Operation) -> status_pb2.Status | None:
    if operation.task.cancelled():
        return status_pb2.Status(code=code_pb2.CANCELLED, message="The operation was cancelled.")
    match operation.task.exception():
        case None:
            return None
        case VoiceboxError() as error:
            return to_status(error, operation.name)
        case _:
            return internal(operation.name)


def _start(names: list[str], token: str) -> int:
    """Where the page begins that follows the operation named by a token."""
    if token and token not in names:
        raise InvalidField("page_token", "page_token is not from this list, or its operation has expired: begin again.")
    return names.index(token) + 1 if token else 0
