"""The one server interceptor: carries the request id, times every RPC, and maps errors to statuses."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import status_pb2
from prometheus_client import CollectorRegistry, Gauge, Histogram

from . import call_log, caller, principal, request_id, trace_context
from .audit import HTTP_HEADER, AuditedCall, AuditLog
from .authentication import NO_AUTHENTICATION, Authentication, Metadata
from .drain import drained
from .errors import TooSlow, Unavailable, Unsupported, VoiceboxError
from .open_calls import OpenCalls
from .principal import Principal
from .status import DETAILS_HEADER, internal, to_status
from .tracing import Tracing
from .unreadable import checked, decoding
from .uploads import steady

log = logging.getLogger(__name__)

UNCOUNTED = ("/grpc.health.", "/grpc.reflection.")
"""Methods left out of the metrics, since probes would drown the rest; and open to callers without a principal."""

STALLED_SECONDS = 10.0
"""How long a message of an answer may wait for its client, once all buffers on the way are full."""

BREAK = (("x-broken-off", "1"),) * 101
"""Trailers that Envoy refuses, since it takes 100 at most: it then resets the stream, and the client sees it break off.
With a proper status in the trailers an HTTP answer would end as if all were well, because HTTP clients do not read
trailers.
"""

Context = grpc.aio.ServicerContext[Any, Any]
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_HANDLERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


@dataclass
class CallState:
    """How far a call has come: its first message, once that is here, and whether the answer has begun."""

    request: Any = None
    begun: bool = False

    def noted(self, request: Any) -> Any:
        """A request, or a stream of them, whose first message is kept."""
        if hasattr(request, "__aiter__"):
            return self.noting(request)
        self.request = request
        return request

    async def noting(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The same requests."""
        async for request in requests:
            if self.request is None:
                self.request = request
            yield request


class RpcInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Surrounds every RPC of one server; metrics go to that service's registry.

    With authentication every caller must have proven who it is, except for methods that begin with one of
    `open_to_all`; denials and writes are in the audit.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        authentication: Authentication = NO_AUTHENTICATION,
        open_to_all: tuple[str, ...] = (),
        audit: AuditLog | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._audit, self._tracing = audit, tracing or Tracing()
        self._authentication, self._open_to_all = authentication, (*UNCOUNTED, *open_to_all)
        self.open_calls = OpenCalls()
        buckets = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
        self._seconds = Histogram(
            "voicebox_rpc_seconds", "Duration of an RPC.", ["method", "code"], registry=registry, buckets=buckets
        )
        self._running = Gauge("voicebox_rpcs_running", "RPCs that run now.", ["method"], registry=registry)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        if handler.response_streaming:
            surround = self._surround_stream
        else:
            surround = self._surround_upload if handler.request_streaming else self._surround_unary
        return _HANDLERS[handler.request_streaming, handler.response_streaming](
            surround(method, behaviour),
            request_deserializer=decoding(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _surround_unary(self, method: str, behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Any]:
        async def call(request: Any, context: Context) -> Any:
            async with self._guard(method, context, CallState(request)):
                return await behaviour(checked(request, method), context)

        return call

    def _surround_upload(self, method: str, behaviour: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Any]:
        async def call(requests: Any, context: Context) -> Any:
            state = CallState()
            async with (
                self._guard(method, context, state),
                drained(requests),
                aclosing(steady(state.noting(aiter(checked(requests, method))))) as steadily,
            ):
                return await behaviour(steadily, context)

        return call

    def _surround_stream(self, method: str, behaviour: Callable[[Any, Context], Any]) -> Callable[..., Any]:
        # A coroutine that writes, not a generator: when the call is cancelled while it writes, the `async with` closes
        # the servicer's generator at once, where an outer generator would wait for the garbage collector.
        async def call(request: Any, context: Context) -> None:
            answer = CallState()
            async with self._guard(method, context, answer):
                responses = behaviour(answer.noted(checked(request, method)), context)
                if not hasattr(responses, "__aiter__"):  # grpc's own health and reflection write by themselves
                    await responses
                    return
                async with aclosing(responses):
                    async for response in responses:
                        await _write(context, response)
                        answer.begun = True

        return call

    def _guard(self, method: str, context: Context, answer: CallState) -> AbstractAsyncContextManager[None]:
        if method.startswith(UNCOUNTED):
            return self._mapped(method, context, answer)
        return self._counted(method, context, answer)

    @asynccontextmanager
    async def _counted(self, method: str, context: Context, answer: CallState) -> AsyncIterator[None]:
        began = time.perf_counter()
        code = "OK"
        call_log.begin()
        running = self._running.labels(method)
        running.inc()
        trace_context.current.set(trace_context.from_metadata(context.invocation_metadata() or ()))
        with self._tracing.span(method) as span:
            try:
                async with self._mapped(method, context, answer):
                    yield
            except BaseException as error:
                code = _code_name(error, context)
                raise
            finally:
                running.dec()
                seconds = time.perf_counter() - began
                self._seconds.labels(method, code).observe(seconds)
                details = call_log.end(method, code, seconds)
                for name in details.keys() - {"method", "seconds"}:
                    span.set_attribute(f"voicebox.{name}", details[name])
                span.set_attribute("voicebox.request_id", request_id.current.get())

    @asynccontextmanager
    async def _mapped(self, method: str, context: Context, answer: CallState) -> AsyncIterator[None]:
        """Runs an RPC under its request id and its caller, and aborts it with the status that its exception means.

        An HTTP answer that has begun breaks off.
        """
        received = context.invocation_metadata() or ()
        identity = request_id.from_metadata(received)
        request_id.current.set(identity)
        context.set_trailing_metadata(((request_id.HEADER, identity),))
        try:
            with AuditedCall(method, received, context.peer(), lambda: answer.request).audited(self._audit):
                verified = self._verified(method, received)
                caller.current.set(caller.of(context))
                with self.open_calls.running(verified):
                    yield
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception as error:
            status = _status_of(error, identity)
            metadata = ((DETAILS_HEADER, status.SerializeToString()), (request_id.HEADER, identity))
            broken = BREAK if answer.begun and any(key == HTTP_HEADER for key, _ in received) else ()
            try:
                await context.abort(_CODES[status.code], status.message, trailing_metadata=(*metadata, *broken))
            except grpc.aio.AbortError:
                raise
            except grpc.aio.BaseError as gone:  # the client has left before it had the status
                raise asyncio.CancelledError from gone

    def _verified(self, method: str, received: Metadata) -> Principal | None:
        """Who calls, which the call's handler then finds in `principal.current`. Raises Unauthenticated."""
        is_open = method.startswith(self._open_to_all)
        verified = None if is_open else self._authentication.principal(method, received)
        principal.current.set(verified)
        return verified


async def _write(context: Context, response: Any) -> None:
    """Send a message. A client that has left meanwhile is a cancelled call, as if it had left between two messages.
    TooSlow("CLIENT_STALLED") when it takes nothing for STALLED_SECONDS.
    """
    try:
        async with asyncio.timeout(STALLED_SECONDS):
            await context.write(response)
    except TimeoutError as error:
        raise TooSlow("CLIENT_STALLED", f"Nothing of the answer was read for {STALLED_SECONDS:g} s.") from error
    except grpc.aio.BaseError as error:  # grpc does not report why it cannot send
        log.info("the client left while it was written to")
        raise asyncio.CancelledError from error


def _status_of(error: Exception, identity: str) -> status_pb2.Status:
    if isinstance(error, VoiceboxError):
        return to_status(error, identity)
    if isinstance(error, grpc.aio.AioRpcError):
        log.warning("a service that is needed failed: %s %s", error.code().name, error.details())
        return to_status(Unavailable("UPSTREAM", "A service that this one needs does not answer."), identity)
    if isinstance(error, NotImplementedError):  # what generated servicers raise for a method without an implementation
        return to_status(Unsupported("METHOD_NOT_SERVED", "This server does not serve this method."), identity)
    log.error("bug", exc_info=error)
    return internal(identity)


def _code_name(error: BaseException, context: Context) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "CANCELLED"
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else _CODES.get(code, grpc.StatusCode.UNKNOWN).name
