"""The HTTP face as an OpenAPI 3.1 document, made of the protos' google.api.http rules and comments.

https://spec.openapis.org/oas/v3.1.1
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

from . import examples, openai_paths
from .contract import Contract, Message, Method
from .schemas import HTTP_BODY, WELL_KNOWN, Json, Schemas, is_required

DESCRIPTION = (
    "Speech synthesis, speech recognition, profiles and history. JSON is proto JSON: an unset field is "
    "left out, 64-bit integers are "
    "strings, bytes are base64. OpenAI's own paths are here, too. What streams in both directions is "
    "gRPC, and not described here."
)
TAGS = (
    "TextToSpeechService",
    "SpeechToTextService",
    "ConversionService",
    "VoiceModelService",
    openai_paths.TAG["name"],
    "CatalogService",
    "JobService",
    "ModelService",
    "KeyService",
    "LimitService",
    "UsageService",
    "DataService",
)
"""Whoever looks at the page for the first time wants to speak and to hear."""

VARIABLE = re.compile(r"\{([a-z_.]+)(?:=([^}]*))?\}")
WILDCARDS = {"models/**": "models/{engine}/{model}", "adapters/*/*": "adapters/{engine}/{adapter}"}
STREAM_NOTE = "A stream: one JSON object per line, each with the next event."


@dataclass(frozen=True)
class Rule:
    """One HTTP binding of a method. `bound` are the fields that the path holds."""

    method: Method
    verb: str
    path: str
    bound: frozenset[str]
    body: str
    response_body: str
    number: int


def document(descriptors: FileDescriptorSet, version: str) -> Json:
    """The whole document, as JSON."""
    contract = Contract(descriptors)
    schemas = Schemas(contract)
    paths: dict[str, Json] = {}
    for rule in _rules(contract):
        paths.setdefault(rule.path, {})[rule.verb] = _operation(rule, contract, schemas)
    for path, operations in openai_paths.OTHERS.items():
        paths[path] = operations
    used = {tag for operations in paths.values() for operation in operations.values() for tag in operation["tags"]}
    descriptions = {**contract.services, openai_paths.TAG["name"]: openai_paths.TAG["description"]}
    tags = [{"name": name, "description": descriptions[name]} for name in sorted(used, key=TAGS.index)]
    ordered = sorted(
        paths.items(), key=lambda item: (min(TAGS.index(each["tags"][0]) for each in item[1].values()), item[0])
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "voicebox",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": {path: _with_examples(path, operations) for path, operations in ordered},
        "components": {"schemas": dict(sorted({**schemas.made, **openai_paths.SCHEMAS, "Status": STATUS}.items()))},
    }


def _with_examples(path: str, operations: Json) -> Json:
    return {verb: examples.with_example(verb, path, operation) for verb, operation in operations.items()}


STATUS: Json = {
    "type": "object",
    "description": "An error: google.rpc.Status.",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "integer", "description": "The gRPC code, such as 3 for INVALID_ARGUMENT."},
        "message": {"type": "string", "description": "A sentence for people."},
        "details": {
            "type": "array",
            "description": "One google.rpc.ErrorInfo with a stable reason; also BadRequest, ResourceInfo or RetryInfo.",
            "items": {"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}},
        },
    },
}


def _rules(contract: Contract) -> Iterator[Rule]:
    for method in contract.methods:
        first = method.proto.options.Extensions[annotations_pb2.http]
        bindings = [first, *first.additional_bindings] if first.WhichOneof("pattern") else []
        for number, rule in enumerate(bindings, 1):
            verb = rule.WhichOneof("pattern")
            template = getattr(rule, verb)
            bound = frozenset(found[1] for found in VARIABLE.finditer(template))
            yield Rule(method, verb, VARIABLE.sub(_expanded, template), bound, rule.body, rule.response_body, number)


def _expanded(variable: re.Match[str]) -> str:
    """`profiles/{profile}` for `{name=profiles/*}`: what a resource's name is made of."""
    pattern = variable[2] or "*"
    for wildcard, named in WILDCARDS.items():
        pattern = pattern.replace(wildcard, named)
    return re.sub(r"([a-zA-Z]+)s/\*", r"\1s/{\1}", pattern)


def _operation(rule: Rule, contract: Contract, schemas: Schemas) -> Json:
    method = rule.method.proto
    request, response = contract.messages[method.input_type], contract.messages[method.output_type]
    is_openai = rule.path in openai_paths.REQUESTS
    operation: Json = {
        "operationId": f"{rule.method.service.name}_{method.name}" + (f"_{rule.number}" if rule.number > 1 else ""),
        "tags": [openai_paths.TAG["name"] if is_openai else rule.method.service.name],
        "summary": re.split(r"(?<=[.:])\s", rule.method.comment, maxsplit=1)[0].rstrip(".:"),
        "description": rule.method.comment,
        "responses": {
            "200": _answer(rule, response, schemas),
            "default": openai_paths.ERROR
            if is_openai
            else _json_content({"$ref": "#/components/schemas/Status"}, "An error."),
        },
    }
    parameters = [*_path_parameters(rule.path), *_query_parameters(rule, request, contract, schemas)]
    body = openai_paths.REQUESTS[rule.path] if is_openai else _body(rule, request, schemas)
    return {
        **operation,
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body else {}),
    }


def _path_parameters(path: str) -> Iterator[Json]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[^/]+$"}}


def _query_parameters(rule: Rule, request: Message, contract: Contract, schemas: Schemas) -> Iterator[Json]:
    """Every field that is neither in the path nor in the body, those of messages by their paths, as in
    `config.language`.
    """
    if rule.body != "*":
        for path, field, comment in _leaves(request, contract, ()):
            if ".".join(path) not in rule.bound and path[0] != rule.body:
                name = ".".join(path)
                yield {
                    "name": name,
                    "in": "query",
                    "description": comment,
                    "required": is_required(field) and len(path) == 1,
                    "schema": schemas.of_field(field),
                }


def _leaves(
    message: Message, contract: Contract, above: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], FieldDescriptorProto, str]]:
    for field, comment in zip(message.proto.field, message.field_comments, strict=True):
        path = (*above, field.name)
        if field.type != FieldDescriptorProto.TYPE_MESSAGE or (
            field.type_name in WELL_KNOWN and field.type_name != HTTP_BODY
        ):
            yield path, field, comment
        elif field.label != FieldDescriptorProto.LABEL_REPEATED and field.type_name != HTTP_BODY:
            yield from _leaves(contract.messages[field.type_name], contract, path)


def _body(rule: Rule, request: Message, schemas: Schemas) -> Json | None:
    if not rule.body:
        return None
    if rule.body == "*":
        return {"required": True, "content": {"application/json": {"schema": schemas.of_message(request, rule.bound)}}}
    field = request.field(rule.body)
    kind = "application/octet-stream" if field.type_name == HTTP_BODY else "application/json"
    return {"required": True, "content": {kind: {"schema": schemas.of_field(field)}}}


def _answer(rule: Rule, response: Message, schemas: Schemas) -> Json:
    if rule.response_body:
        return {
            "description": "The bytes, with their content type.",
            "content": {"*/*": {"schema": dict(WELL_KNOWN[HTTP_BODY])}},
        }
    description = STREAM_NOTE if rule.method.proto.server_streaming else response.comment or "Done."
    return _json_content(schemas.reference(response.name), description)


def _json_content(schema: Json, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
