"""An API's paths and messages as tables in Lua, by which native.lua and google_fields.lua check requests."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

from voicebox_gateway.docs.contract import Contract, Method

SERVICES = {
    "TextToSpeechService": "tts",
    "SpeechToTextService": "asr",
    "ConversionService": "conversion",
    "VoiceModelService": "conversion",
    "CatalogService": "catalog",
    "JobService": "jobs",
    "KeyService": "accounts",
    "LimitService": "accounts",
    "UsageService": "accounts",
    "DataService": "accounts",
    "ModelService": "tts",
    "OpenAiSpeechService": "tts",
    "OpenAiTranscriptionService": "asr",
}
"""Which service serves the paths of a proto service. ModelService's paths contain it."""

GOOGLE_SERVICES = {"TextToSpeech": "tts", "Speech": "asr", "Operations": "asr"}

MODEL_SERVERS = ("asr", "conversion")
"""Services beside tts whose models have paths of their own."""

PLAIN_BODY = ".google.api.HttpBody"
METHODS = {"get": "GET", "put": "PUT", "post": "POST", "delete": "DELETE", "patch": "PATCH"}
SPECIAL = {
    ".google.protobuf.Duration": "duration",
    ".google.protobuf.Timestamp": "timestamp",
    ".google.protobuf.FieldMask": "string",
    ".google.protobuf.Struct": "any",
    ".google.protobuf.Value": "any",
    ".google.protobuf.Any": "any",
    ".google.protobuf.FloatValue": "float",
    ".google.protobuf.DoubleValue": "double",
    ".google.protobuf.StringValue": "string",
    ".google.protobuf.BoolValue": "bool",
    ".google.protobuf.Int32Value": "int32",
    ".google.protobuf.UInt32Value": "uint32",
    ".google.protobuf.Int64Value": "int64",
}
"""Messages that JSON writes as one value."""

Types = FieldDescriptorProto.Type
KINDS = {
    Types.TYPE_DOUBLE: "double", Types.TYPE_FLOAT: "float", Types.TYPE_BOOL: "bool", Types.TYPE_STRING: "string",
    Types.TYPE_BYTES: "bytes",
    Types.TYPE_INT32: "int32", Types.TYPE_SINT32: "int32", Types.TYPE_SFIXED32: "int32", Types.TYPE_UINT32: "uint32",
    Types.TYPE_FIXED32: "uint32", Types.TYPE_INT64: "int64", Types.TYPE_SINT64: "int64", Types.TYPE_SFIXED64: "int64",
    Types.TYPE_UINT64: "uint64", Types.TYPE_FIXED64: "uint64", Types.TYPE_ENUM: "enum",
}  # fmt: skip


def tables(descriptors: FileDescriptorSet, services: Mapping[str, str] = SERVICES) -> str:
    """`local MESSAGES, ENUMS, ROUTES = ...` for these services."""
    contract = Contract(descriptors)
    routes = [
        route
        for method in contract.methods
        if method.service.name in services
        for route in _routes(contract, method, services[method.service.name])
    ]
    routes.sort(key=lambda route: not route["is_verb"])
    messages = {
        name: _fields(contract, message.proto) for name, message in contract.messages.items() if name not in SPECIAL
    }
    enums = {name: _values([value.name for value in enum.proto.value]) for name, enum in contract.enums.items()}
    return f"local MESSAGES = {lua(messages)}\nlocal ENUMS = {lua(enums)}\nlocal ROUTES = {lua(routes)}\n"


def lua(value: Any) -> str:
    """Plain data as an expression in Lua."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return "{" + ", ".join(f"[{lua(key)}] = {lua(each)}" for key, each in value.items()) + "}"
        case list():
            return "{" + ", ".join(map(lua, value)) + "}"
        case _:
            return json.dumps(value)  # names in ASCII: the two agree on those


def pattern(template: str) -> str:
    """A path of google.api.http as a pattern of Lua: https://google.aip.dev/127."""
    path = re.sub(r"\{[^=}]*=([^}]*)\}", r"\1", re.sub(r"\{[^=}]*\}", "*", template))
    wild = {"**": ".+", "*": "[^/]+"}
    return "^" + "".join(wild.get(part) or re.sub(r"(\W)", r"%\1", part) for part in re.split(r"(\*\*|\*)", path)) + "$"


def _routes(contract: Contract, method: Method, service: str) -> Iterator[dict[str, Any]]:
    rule: HttpRule = method.proto.options.Extensions[annotations_pb2.http]
    for binding in (rule, *rule.additional_bindings):
        if kind := binding.WhichOneof("pattern"):
            path = getattr(binding, kind)
            served_by = next((each for each in MODEL_SERVERS if path.startswith(f"/v1/{each}/")), service)
            yield _route(contract, method, METHODS[kind], path, binding.body, served_by)


def _route(contract: Contract, method: Method, http_method: str, path: str, body: str, service: str) -> dict[str, Any]:
    route = {"method": http_method, "pattern": pattern(path), "is_verb": ":" in path, "service": service}
    if method.service.name.startswith("OpenAi"):
        return route  # their services read body and query
    route["input"] = method.proto.input_type
    route["makes_speech"] = http_method == "GET" and method.proto.server_streaming and service == "tts"
    type_name = (
        method.proto.input_type
        if body == "*"
        else contract.messages[method.proto.input_type].field(body).type_name
        if body
        else ""
    )
    return {**route, "body": type_name} if type_name and type_name != PLAIN_BODY else route


def _fields(contract: Contract, message: DescriptorProto) -> dict[str, Any]:
    """By both spellings of their names."""
    fields = {}
    for field in message.field:
        described = {"name": field.json_name, **_kind(contract, field)}
        if field.HasField("oneof_index") and not field.proto3_optional:
            described["oneof"] = message.oneof_decl[field.oneof_index].name
        fields[field.name] = fields[field.json_name] = described
    return fields


def _kind(contract: Contract, field: FieldDescriptorProto) -> dict[str, Any]:
    is_list = {"list": True} if field.label == FieldDescriptorProto.LABEL_REPEATED else {}
    if field.type != Types.TYPE_MESSAGE:
        return {"kind": KINDS[field.type], "type": field.type_name, **is_list}
    entry = contract.messages[field.type_name].proto if field.type_name in contract.messages else None
    if entry and entry.options.map_entry:
        return {"kind": "map", "map": True, "value": {"name": "", **_kind(contract, entry.field[1])}}
    return {"kind": SPECIAL.get(field.type_name, "message"), "type": field.type_name, **is_list}


def _values(names: list[str]) -> dict[str, Any]:
    shown = [name for name in names if not name.endswith("_UNSPECIFIED")]
    return {**dict.fromkeys(names, True), "names": shown}
