"""What gRPC tools may ask a service about: what it serves, and the rest of the contract, which they reach through the gateway."""

from collections.abc import Iterable

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection


def enable(server: grpc.aio.Server, names: Iterable[str], contract: bytes) -> None:
    """List the services `names`, and describe these and all in the descriptor set `contract`."""
    listed = (*names, reflection.SERVICE_NAME)
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(contract).file:
        pool.Add(file)
    for name in listed:
        _add(pool, descriptor_pool.Default().FindFileContainingSymbol(name))
    reflection.enable_server_reflection(listed, server, pool)


def _add(pool: DescriptorPool, file: FileDescriptor) -> None:
    """Add a file, and before it what it imports, unless they are there."""
    try:
        pool.FindFileByName(file.name)
    except KeyError:
        for dependency in file.dependencies:
            _add(pool, dependency)
        pool.AddSerializedFile(file.serialized_pb)
