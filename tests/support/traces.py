"""A small collector of traces: it takes spans by OTLP over gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Remembers the spans that came, by their services. `address` is where it listens."""

    address: str = ""
    spans: dict[str, list[Any]] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def Export(self, request: Any, context: Any) -> Any:
        for each in request.resource_spans:
            [name] = [pair.value.string_value for pair in each.resource.attributes if pair.key == "service.name"]
            for scope in each.scope_spans:
                self.spans.setdefault(name, []).extend(scope.spans)
        self.came.set()
        return trace_service_pb2.ExportTraceServiceResponse()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector, until the block ends."""
    server, collector = grpc.aio.server(), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield collector
    await server.stop(0)
