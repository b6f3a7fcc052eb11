"""What gRPC tools may ask a server: what it serves, and the rest of the contract, which they reach through the
gateway.

In both versions of the protocol, whose messages are the same: grpcurl and grpcui begin with v1, older tools know
v1alpha alone. https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from collections.abc import Iterable

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

V1ALPHA, V1 = reflection.SERVICE_NAME, "grpc.reflection.v1.ServerReflection"


def enable(server: grpc.aio.Server, names: Iterable[str], contract: bytes) -> None:
    """List the services `names`, and describe these and all in the descriptor set `contract`."""
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(contract).file:
        pool.Add(file)
    for name in (*names, V1ALPHA):
        if not _holds(pool, name):
            _add(pool, descriptor_pool.Default().FindFileContainingSymbol(name))
    servicer = _Servicer((*names, V1ALPHA, V1), pool)
    for version in (V1ALPHA, V1):
        method = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(version, {"ServerReflectionInfo": method}),)
        )


class _Servicer(ReflectionServicer):  # type: ignore[misc]  # grpc_reflection carries no types
    """grpc's own, which finds neither methods nor, in a pool of its own, the protocol's first version."""

    def _file_containing_symbol(
        self, request: reflection_pb2.ServerReflectionRequest, fully_qualified_name: str
    ) -> reflection_pb2.ServerReflectionResponse:
        symbol = V1ALPHA if fully_qualified_name.startswith(V1) else fully_qualified_name
        answer = super()._file_containing_symbol(request, symbol)
        owner = symbol.rpartition(".")[0]
        return (
            super()._file_containing_symbol(request, owner) if answer.HasField("error_response") and owner else answer
        )


def _holds(pool: DescriptorPool, name: str) -> bool:
    try:
        pool.FindFileContainingSymbol(name)
    except KeyError:
        return False
    return True


def _add(pool: DescriptorPool, file: FileDescriptor) -> None:
    """Add a file, and before it what it imports, unless they are there."""
    try:
        pool.FindFileByName(file.name)
    except KeyError:
        for dependency in file.dependencies:
            _add(pool, dependency)
        pool.AddSerializedFile(file.serialized_pb)
