"""Messages become JSON Schema as proto JSON writes them.

https://protobuf.dev/programming-guides/json/
"""

from collections.abc import Collection, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from .contract import Contract, Enum, Message

Json = dict[str, Any]

HTTP_BODY = ".google.api.HttpBody"
WELL_KNOWN: Mapping[str, Json] = {
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "examples": ["1.5s"]},
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.FieldMask": {"type": "string", "description": "Fields in lowerCamelCase, separated by commas."},
    ".google.protobuf.Empty": {"type": "object"},
    HTTP_BODY: {"type": "string", "format": "binary"},
}
INT64: Json = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
UINT64: Json = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}
INT32: Json = {"type": "integer", "format": "int32"}
UINT32: Json = {"type": "integer", "format": "uint32", "minimum": 0}
Kind = FieldDescriptorProto
SCALARS: Mapping[int, Json] = {
    Kind.TYPE_DOUBLE: {"type": "number", "format": "double"},
    Kind.TYPE_FLOAT: {"type": "number", "format": "float"},
    Kind.TYPE_INT64: INT64,
    Kind.TYPE_SINT64: INT64,
    Kind.TYPE_SFIXED64: INT64,
    Kind.TYPE_UINT64: UINT64,
    Kind.TYPE_FIXED64: UINT64,
    Kind.TYPE_INT32: INT32,
    Kind.TYPE_SINT32: INT32,
    Kind.TYPE_SFIXED32: INT32,
    Kind.TYPE_UINT32: UINT32,
    Kind.TYPE_FIXED32: UINT32,
    Kind.TYPE_BOOL: {"type": "boolean"},
    Kind.TYPE_STRING: {"type": "string"},
    Kind.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}


class Schemas:
    """The schemas that a document needs, each made when it is first referred to. `made` is for `components/schemas`."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.made: dict[str, Json] = {}

    def reference(self, name: str) -> Json:
        """The schema of a message by its full name."""
        if name in WELL_KNOWN:
            return dict(WELL_KNOWN[name])
        short = _short(name)
        if short not in self.made:
            self.made[short] = {}  # it may hold itself
            self.made[short] = self.of_message(self._contract.messages[name])
        return {"$ref": f"#/components/schemas/{short}"}

    def of_message(self, message: Message, without: Collection[str] = ()) -> Json:
        """The schema of a message, without the fields of these names."""
        fields = [
            (field, comment)
            for field, comment in zip(message.proto.field, message.field_comments, strict=True)
            if field.name not in without
        ]
        schema: Json = {
            "type": "object",
            "properties": {field.json_name: self.of_field(field, comment) for field, comment in fields},
        }
        required = [field.json_name for field, _ in fields if is_required(field)]
        return {
            **schema,
            **_described(_with_choices(message, message.comment)),
            **({"required": required} if required else {}),
        }

    def of_field(self, field: FieldDescriptorProto, comment: str = "") -> Json:
        """The schema of a field's value."""
        entry = self._contract.messages.get(field.type_name)
        if entry and entry.proto.options.map_entry:
            schema: Json = {"type": "object", "additionalProperties": self._one(entry.field("value"))}
        elif field.label == Kind.LABEL_REPEATED:
            schema = {"type": "array", "items": self._one(field)}
        else:
            schema = self._one(field)
        read_only = field_behavior_pb2.OUTPUT_ONLY in _behaviors(field)
        return {**schema, **_described(comment), **({"readOnly": True} if read_only else {})}

    def _one(self, field: FieldDescriptorProto) -> Json:
        if field.type == Kind.TYPE_MESSAGE:
            return self.reference(field.type_name)
        if field.type == Kind.TYPE_ENUM:
            short = _short(field.type_name)
            self.made[short] = _of_enum(self._contract.enums[field.type_name])
            return {"$ref": f"#/components/schemas/{short}"}
        return dict(SCALARS[field.type])


def is_required(field: FieldDescriptorProto) -> bool:
    """Whether a request must have it."""
    return field_behavior_pb2.REQUIRED in _behaviors(field)


def _behaviors(field: FieldDescriptorProto) -> Collection[int]:
    found: Collection[int] = field.options.Extensions[field_behavior_pb2.field_behavior]
    return found


def _of_enum(enum: Enum) -> Json:
    meanings = "\n".join(
        f"- `{value.name}`: {comment}" for value, comment in zip(enum.proto.value, enum.value_comments, strict=True)
    )
    return {
        "type": "string",
        "enum": [value.name for value in enum.proto.value],
        "description": f"{enum.comment}\n\n{meanings}".strip(),
    }


def _with_choices(message: Message, comment: str) -> str:
    """The comment, with a sentence for each `oneof`."""
    sentences = [comment]
    for index, _ in enumerate(message.proto.oneof_decl):
        members = [
            field for field in message.proto.field if field.HasField("oneof_index") and field.oneof_index == index
        ]
        if not members[0].proto3_optional:
            sentences.append(f"At most one of {', '.join(f'`{field.json_name}`' for field in members)}.")
    return " ".join(sentences).strip()


def _described(comment: str) -> Json:
    return {"description": comment} if comment else {}


def _short(name: str) -> str:
    """`tts.Voice` for `.voicebox.tts.v1.Voice`: two services may use the same word."""
    return name.removeprefix(".voicebox.").replace(".v1.", ".").lstrip(".")
