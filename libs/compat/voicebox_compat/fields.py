"""Names of fields in the errors of other APIs, and ignored hints in trailing metadata."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from voicebox_kit import request_id
from voicebox_kit.errors import InvalidField

from .openai import Diagnostics


def send_diagnostics(context: "grpc.aio.ServicerContext[Any, Any]", diagnostics: Diagnostics) -> None:
    """Set ignored hints and warnings as trailing metadata, with the names of the HTTP headers."""
    context.set_trailing_metadata(((request_id.HEADER, request_id.current.get()), *diagnostics.metadata))


@contextmanager
def with_field_names(names: Mapping[str, str]) -> Iterator[None]:
    """An InvalidField of our field, such as `text` or `config.hotwords[3]`, leaves the block with its name in `names`,
    also in the sentence.
    """
    try:
        yield
    except InvalidField as error:
        own = error.field.partition("[")[0]
        if names.get(own, own) == own:
            raise
        raise _renamed(error, own, names[own]) from error


def _renamed(error: InvalidField, own: str, name: str) -> InvalidField:
    sentence = re.sub(rf"(?<![\w.]){re.escape(own)}(?:\[\d+\])?(?!\w|\.\w)", name, error.sentence)
    return InvalidField(name, sentence if name in sentence else f"{name}: {sentence}", error.reason)
