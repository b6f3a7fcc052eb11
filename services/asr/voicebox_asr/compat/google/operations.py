"""Google's long-running operations, over the store of them."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2
from voicebox_kit import deadline, principal
from voicebox_kit.errors import InvalidField, NotFound, VoiceboxError
from voicebox_kit.status import internal, to_status

from .operation_store import MAX_OPERATIONS, Operation, Operations

OPERATIONS_SERVICE = "google.longrunning.Operations"
PAGE_SIZE = 50
ASK_SECONDS, WAIT_SECONDS = 10.0, 86_400.0
"""How long another replica may take to answer, and to wait for an operation's end, unless the caller's deadline comes
first.
"""

Context = grpc.aio.ServicerContext[Any, Any]


class Replicas(Protocol):
    """Of asr, this one among them, which are asked by a method's name for an owner's operations."""

    def is_asked(self, context: Context) -> bool:
        """Whether another replica asks: then it is answered from what is here."""
        ...

    async def first(self, method: str, request: Any, owner: str, seconds: float) -> Any:
        """The answer of the one that has the operation, or None."""
        ...

    async def all(self, method: str, request: Any, owner: str, seconds: float) -> list[Any]:
        """The answers of those that answer."""
        ...


class GoogleOperationsServicer:
    """The google.longrunning.Operations: each caller's own, on whichever replica they run."""

    def __init__(self, operations: Operations, replicas: Replicas | None = None) -> None:
        self._operations, self._replicas = operations, replicas

    async def GetOperation(self, request: Any, context: Context) -> Any:
        async def get(operation: Operation) -> Any:
            return to_proto(operation)

        return await self._where_it_is("GetOperation", request, context, get)

    async def WaitOperation(self, request: Any, context: Context) -> Any:
        """Answers when it has ended, or when the time to wait is over."""

        async def wait(operation: Operation) -> Any:
            at_most = request.timeout.ToMicroseconds() / 1e6 if request.HasField("timeout") else math.inf
            seconds = deadline.remaining(context, at_most)
            await asyncio.wait({operation.task}, timeout=None if math.isinf(seconds) else seconds)
            return to_proto(operation)

        return await self._where_it_is("WaitOperation", request, context, wait)

    async def ListOperations(self, request: Any, context: Context) -> Any:
        """Of all replicas that answer, those of each by their age."""
        if request.filter:
            raise InvalidField("filter", "filter is not understood here: leave it empty.", "UNSUPPORTED")
        owner = principal.owner(context)
        if self._replicas and not self._replicas.is_asked(context):
            whole = operations_pb2.ListOperationsRequest(name=request.name, page_size=MAX_OPERATIONS)
            answers = await self._replicas.all("ListOperations", whole, owner, deadline.remaining(context, ASK_SECONDS))
            found = [each for answer in answers for each in answer.operations]
        else:
            found = [to_proto(each) for each in self._operations.of(request.name, owner)]
        start = _start([each.name for each in found], request.page_token)
        end = start + (request.page_size if request.page_size > 0 else PAGE_SIZE)
        token = found[end - 1].name if end < len(found) else ""
        return operations_pb2.ListOperationsResponse(operations=found[start:end], next_page_token=token)

    async def CancelOperation(self, request: Any, context: Context) -> Any:
        async def cancel(operation: Operation) -> Any:
            operation.task.cancel()
            await asyncio.wait({operation.task})
            return Empty()

        return await self._where_it_is("CancelOperation", request, context, cancel)

    async def DeleteOperation(self, request: Any, context: Context) -> Any:
        async def delete(operation: Operation) -> Any:
            self._operations.delete(operation)
            return Empty()

        return await self._where_it_is("DeleteOperation", request, context, delete)

    async def _where_it_is(
        self, method: str, request: Any, context: Context, here: Callable[[Operation], Awaitable[Any]]
    ) -> Any:
        """Done here, or by the replica that has the operation. NotFound where none has it."""
        owner = principal.owner(context)
        try:
            operation = self._operations.find(request.name, owner)
        except NotFound:
            if self._replicas is None or self._replicas.is_asked(context):
                raise
            seconds = deadline.remaining(context, WAIT_SECONDS if method == "WaitOperation" else ASK_SECONDS)
            answer = await self._replicas.first(method, request, owner, seconds)
            if answer is None:
                raise
            return answer
        return await here(operation)


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
