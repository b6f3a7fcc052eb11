"""Looks things up in a descriptor set: messages, enums, services, and what the comments say of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

SourcePath = tuple[int, ...]
"""Where something stands in a file: field numbers and indices in FileDescriptorProto, as in SourceCodeInfo."""

MESSAGE, ENUM, SERVICE = 4, 5, 6  # in a file
NESTED, NESTED_ENUM = 3, 4  # in a message
FIELD = VALUE = METHOD = 2  # in a message, an enum, a service


@dataclass(frozen=True)
class Message:
    """A message: its full name as in `.voicebox.tts.v1.Voice`, and comments for itself and each of its fields."""

    name: str
    proto: DescriptorProto
    comment: str
    field_comments: tuple[str, ...]

    def field(self, name: str) -> FieldDescriptorProto:
        """The field of that name."""
        return next(field for field in self.proto.field if field.name == name)


@dataclass(frozen=True)
class Enum:
    """An enum: its full name, and comments for itself and each of its values."""

    name: str
    proto: EnumDescriptorProto
    comment: str
    value_comments: tuple[str, ...]


@dataclass(frozen=True)
class Method:
    """A method with the service that it belongs to, and its comment."""

    service: ServiceDescriptorProto
    proto: MethodDescriptorProto
    comment: str


class Contract:
    """Everything in a descriptor set."""

    def __init__(self, descriptors: FileDescriptorSet) -> None:
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, Enum] = {}
        self.methods: list[Method] = []
        self.services: dict[str, str] = {}
        for file in descriptors.file:
            self._read(file)

    def _read(self, file: FileDescriptorProto) -> None:
        comments = {
            tuple(location.path): _text(location.leading_comments) for location in file.source_code_info.location
        }
        for index, message in enumerate(file.message_type):
            self._read_message(f".{file.package}.{message.name}", message, (MESSAGE, index), comments)
        for index, enum in enumerate(file.enum_type):
            self._read_enum(f".{file.package}.{enum.name}", enum, (ENUM, index), comments)
        for index, service in enumerate(file.service):
            path = (SERVICE, index)
            self.services[service.name] = comments.get(path, "")
            for number, method in enumerate(service.method):
                self.methods.append(Method(service, method, comments.get((*path, METHOD, number), "")))

    def _read_message(
        self, name: str, proto: DescriptorProto, path: SourcePath, comments: dict[SourcePath, str]
    ) -> None:
        field_comments = tuple(_each(comments, (*path, FIELD), len(proto.field)))
        self.messages[name] = Message(name, proto, comments.get(path, ""), field_comments)
        for index, nested in enumerate(proto.nested_type):
            self._read_message(f"{name}.{nested.name}", nested, (*path, NESTED, index), comments)
        for index, enum in enumerate(proto.enum_type):
            self._read_enum(f"{name}.{enum.name}", enum, (*path, NESTED_ENUM, index), comments)

    def _read_enum(
        self, name: str, proto: EnumDescriptorProto, path: SourcePath, comments: dict[SourcePath, str]
    ) -> None:
        value_comments = tuple(_each(comments, (*path, VALUE), len(proto.value)))
        self.enums[name] = Enum(name, proto, comments.get(path, ""), value_comments)


def _each(comments: dict[SourcePath, str], path: SourcePath, count: int) -> Iterator[str]:
    return (comments.get((*path, index), "") for index in range(count))


def _text(comment: str) -> str:
    return " ".join(line.strip() for line in comment.strip().splitlines())
