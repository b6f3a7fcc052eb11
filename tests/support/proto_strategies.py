"""Hypothesis strategies for any protobuf message, made from its descriptor: what is usual, and what is at the edges."""

import math
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

DEEPEST = 3
LONG = 10_000

EDGES = (
    "\0",
    "\u202e\u05db\u05df\u05d0B",
    "é́́́",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "𝔘𝔫𝔦 漢字 かな",
    "x" * LONG,
    "' OR 1=1 --",
    '%_\\*"',
    "profiles/",
    "profiles/ann",
    "profiles/../../etc",
    "profiles/ann/samples/1",
    "generations/00000000-0000-4000-8000-000000000000",
    "transcriptions/00000000-0000-4000-8000-000000000000",
    "00000000-0000-4000-8000-000000000000",
    'engine = "flite" AND create_time >= "2026-01-01T00:00:00Z"',
    "create_time desc",
    "*",
)

STRINGS = st.one_of(
    st.just(""), st.sampled_from(EDGES), st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
)
FLOATS = st.one_of(
    st.sampled_from((0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 3.4e38, 1e-45)), st.floats(width=32)
)


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.one_of(
        st.sampled_from((0, 1, low, high, low + 1, high - 1)), st.integers(low, high), st.integers(max(low, -100), 100)
    )


SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_STRING: STRINGS,
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_FLOAT: FLOATS,
    FieldDescriptor.CPPTYPE_DOUBLE: FLOATS,
    FieldDescriptor.CPPTYPE_INT32: integers(32, signed=True),
    FieldDescriptor.CPPTYPE_INT64: integers(64, signed=True),
    FieldDescriptor.CPPTYPE_UINT32: integers(32, signed=False),
    FieldDescriptor.CPPTYPE_UINT64: integers(64, signed=False),
    FieldDescriptor.CPPTYPE_ENUM: st.one_of(st.integers(0, 10), st.sampled_from((-1, 77, 2**31 - 1, -(2**31)))),
}


def messages(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[Message]:
    """Any message of that kind; each field is set or left out, and of a oneof one field at most."""
    kind = GetMessageClass(descriptor)
    return st.fixed_dictionaries(
        {}, optional={field.name: _values(field, depth) for field in _choosable(descriptor, depth)}
    ).map(lambda values: _filled(kind(), values))


def _choosable(descriptor: Descriptor, depth: int) -> list[FieldDescriptor]:
    return [field for field in descriptor.fields if depth < DEEPEST or field.message_type is None]


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return st.dictionaries(_one(key, depth), _one(value, depth), max_size=3)
    one = _one(field, depth)
    return st.lists(one, max_size=3) if field.is_repeated else one


def _one(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type:
        return messages(field.message_type, depth + 1)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=200)
    return SCALARS[field.cpp_type]


def _filled(message: Message, values: dict[str, Any]) -> Message:
    for name, value in values.items():
        field = getattr(message, name)
        if isinstance(value, dict):
            for key, each in value.items():
                field[key].CopyFrom(each) if isinstance(each, Message) else field.__setitem__(key, each)
        elif isinstance(value, list):
            field.extend(value)
        elif isinstance(value, Message):
            field.CopyFrom(value)
        else:
            setattr(message, name, value)
    return message
