"""Google's REST paths as descriptors for the transcoder: what the gRPC packages of Google's clients serve under other
transports.
"""

from collections.abc import Iterator
from types import ModuleType

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.longrunning import operations_proto_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from google.rpc import error_details_pb2
from voicebox.compat.google import speech_v1_pb2, speech_v2_pb2, texttospeech_v1_pb2

SERVED: tuple[ModuleType, ...] = (texttospeech_v1_pb2, speech_v1_pb2, speech_v2_pb2)
BETAS: tuple[tuple[ModuleType, str], ...] = ((texttospeech_v1_pb2, "v1beta1"), (speech_v1_pb2, "v1p1beta1"))
"""Versions whose messages are those of v1."""

OPERATIONS = {
    "ListOperations": ("get", "/v1/operations"),
    "GetOperation": ("get", "/v1/operations/{name=**}"),
    "DeleteOperation": ("delete", "/v1/operations/{name=**}"),
    "CancelOperation": ("post", "/v1/operations/{name=**}:cancel"),
}
"""Speech's own paths, which its service file has and operations.proto has not: there a name begins with
`operations/`.
"""
V2_OPERATIONS = {
    "ListOperations": "/v2/{name=projects/*/locations/*}/operations",
    "GetOperation": "/v2/{name=projects/*/locations/*/operations/*}",
    "DeleteOperation": "/v2/{name=projects/*/locations/*/operations/*}",
    "CancelOperation": "/v2/{name=projects/*/locations/*/operations/*}:cancel",
}


def descriptors() -> FileDescriptorSet:
    """All that the transcoder needs: imported files first, the betas, and the details of errors."""
    files: dict[str, FileDescriptorProto] = {}
    for module in (error_details_pb2, annotations_pb2, operations_proto_pb2, *SERVED):
        files.update(_with_imports(module.DESCRIPTOR))
    for module, version in BETAS:
        for stable in [file for file in files.values() if file.package == module.DESCRIPTOR.package]:
            beta = _beta(stable, version)
            files[beta.name] = beta
    _give_paths(files[operations_proto_pb2.DESCRIPTOR.name].service[0])
    return FileDescriptorSet(file=files.values())


def service_names() -> list[str]:
    """The full names of the services that have REST paths."""
    stable = [service.full_name for module in SERVED for service in module.DESCRIPTOR.services_by_name.values()]
    return [
        *stable,
        *(_beta_package(module, version) + "." + _service(module) for module, version in BETAS),
        "google.longrunning.Operations",
    ]


def _service(module: ModuleType) -> str:
    [name] = module.DESCRIPTOR.services_by_name
    return str(name)


def _beta_package(module: ModuleType, version: str) -> str:
    return f"{str(module.DESCRIPTOR.package).rpartition('.')[0]}.{version}"


def _with_imports(file: FileDescriptor) -> Iterator[tuple[str, FileDescriptorProto]]:
    for dependency in file.dependencies:
        yield from _with_imports(dependency)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    yield file.name, proto


def _beta(stable: FileDescriptorProto, version: str) -> FileDescriptorProto:
    """A file in another version's package, with its messages, which an operation's answer names, and its paths."""
    package = f"{stable.package.rpartition('.')[0]}.{version}"
    beta = FileDescriptorProto()
    beta.CopyFrom(stable)
    beta.ClearField("source_code_info")
    beta.package, beta.name = package, _beta_name(stable.name, version)
    prefix = f".{stable.package}."
    own = [name for name in beta.dependency if "_v1" in name]
    beta.dependency[:] = [_beta_name(name, version) if name in own else name for name in beta.dependency]
    for message in beta.message_type:
        _move(message, prefix, f".{package}.")
    for service in beta.service:
        for method in service.method:
            method.input_type = method.input_type.replace(prefix, f".{package}.")
            method.output_type = method.output_type.replace(prefix, f".{package}.")
            _change_path(method.options.Extensions[annotations_pb2.http], version)
    return beta


def _beta_name(name: str, version: str) -> str:
    return name.replace("_v1", f"_{version}")


def _move(message: DescriptorProto, prefix: str, new_prefix: str) -> None:
    for field in message.field:
        if field.type_name.startswith(prefix):
            field.type_name = field.type_name.replace(prefix, new_prefix)
    for nested in message.nested_type:
        _move(nested, prefix, new_prefix)


def _change_path(rule: HttpRule, version: str) -> None:
    if kind := rule.WhichOneof("pattern"):
        setattr(rule, kind, getattr(rule, kind).replace("/v1/", f"/{version}/", 1))


def _give_paths(operations: ServiceDescriptorProto) -> None:
    for method in operations.method:
        if method.name not in OPERATIONS:
            continue
        rule = method.options.Extensions[annotations_pb2.http]
        kind, path = OPERATIONS[method.name]
        setattr(rule, kind, path)
        for other in (path.replace("/v1/", "/v1p1beta1/"), V2_OPERATIONS[method.name]):
            setattr(rule.additional_bindings.add(body=rule.body), kind, other)
