"""Cuts a part out of an ONNX model, by the names of the values at its ends, in protobuf's wire format.

Field numbers are those of onnx.proto, which never change: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE = 1, 5, 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR = 1, 2, 4
_INITIALIZER_NAME, _VALUE_NAME = 8, 1
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5

_FLOAT_TENSOR = b"\x12\x04\x0a\x02\x08\x01"
"""The field `type` of a ValueInfoProto: a tensor of floats, of any shape."""


@dataclass(frozen=True)
class Node:
    """An operator, the values that it reads and those that it makes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    raw: bytes


@dataclass(frozen=True)
class _Field:
    """A field of a message; `value` is its content when it has a length, else empty. `raw` is all of it."""

    number: int
    value: bytes
    raw: bytes


class OnnxGraph:
    """A model's graph."""

    def __init__(self, model: bytes) -> None:
        """ValueError for what is no ONNX model."""
        self._model = list(_fields(model))
        graphs = [field.value for field in self._model if field.number == _MODEL_GRAPH]
        if len(graphs) != 1:
            raise ValueError("It is no ONNX model.")
        self._graph = list(_fields(graphs[0]))
        self.nodes = tuple(_node(field) for field in self._graph if field.number == _GRAPH_NODE)

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
        """The model that computes `outputs` of `inputs`. Those that are neither inputs nor outputs of the whole model
        are tensors of floats.
        """
        needed, kept = set(outputs), list[Node]()
        for node in reversed(self.nodes):
            if not needed.isdisjoint(node.outputs):
                kept.insert(0, node)
                needed.update(name for name in node.inputs if name not in inputs)
        body = b"".join(node.raw for node in kept)
        body += b"".join(field.raw for field in self._graph if self._belongs(field, needed))
        body += b"".join(self._value(_GRAPH_INPUT, name) for name in inputs)
        body += b"".join(self._value(_GRAPH_OUTPUT, name) for name in outputs)
        rest = b"".join(field.raw for field in self._model if field.number != _MODEL_GRAPH)
        return rest + _written(_MODEL_GRAPH, body)

    def _belongs(self, field: _Field, needed: set[str]) -> bool:
        if field.number == _GRAPH_INITIALIZER:
            return _first_text(field.value, _INITIALIZER_NAME) in needed
        return field.number not in (_GRAPH_NODE, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE)

    def _value(self, number: int, name: str) -> bytes:
        for field in self._graph:
            if field.number in (_GRAPH_INPUT, _GRAPH_OUTPUT) and _first_text(field.value, _VALUE_NAME) == name:
                return _written(number, field.value)
        return _written(number, _written(_VALUE_NAME, name.encode()) + _FLOAT_TENSOR)


def _node(field: _Field) -> Node:
    parts = list(_fields(field.value))
    inputs, outputs, operator = (
        tuple(part.value.decode() for part in parts if part.number == number)
        for number in (_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR)
    )
    return Node("".join(operator), inputs, outputs, field.raw)


def _first_text(message: bytes, number: int) -> str:
    return next((field.value.decode() for field in _fields(message) if field.number == number), "")


def _fields(message: bytes) -> Iterator[_Field]:
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        value = b""
        if kind == _BYTES:
            length, at = _varint(message, at)
            value = message[at : at + length]
            if len(value) < length:
                raise ValueError("It is no ONNX model: it ends too early.")
            at += length
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError("It is no ONNX model: it has a field of an unknown kind.")
        yield _Field(number, value, message[begin:at])


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("It is no ONNX model: it ends too early.")


def _written(number: int, value: bytes) -> bytes:
    return _written_varint(number << 3 | _BYTES) + _written_varint(len(value)) + value


def _written_varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
