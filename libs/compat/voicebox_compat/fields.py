"""What other people's APIs share: their names of fields in errors, and what was not followed in the answer's trailing
metadata.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from voicebox_kit import request_id
from voicebox_kit.errors import InvalidField

from .openai import Diagnostics


def send_diagnostics(context: "grpc.aio.ServicerContext[Any, Any]", diagnostics: Diagnostics) -> None:
    """Name what was ignored, and the warnings, in trailing metadata, under the names of the headers of the HTTP
    APIs.
    """
    context.set_trailing_metadata(((request_id.HEADER, request_id.current.get()), *diagnostics.metadata))


@contextmanager
def with_field_names(names: Mapping[str, str]) -> Iterator[None]:
    """What the block raises of our fields, as `text` or `config.hotwords[3]`, leaves it under `names`, in its sentence
    too.
    """
    try:
        yield
    except InvalidField as error:
        own = error.field.partition("[")[0]
        if names.get(own, own) == own:
            raise
        raise _renamed(error, own, names[own]) from error


def _renamed(error: InvalidField, own: str, name: str) -> InvalidField:
    sentence = re.sub(rf"(?<![\w.]){re.escape(own)}(?:\[\d+\])?(?![\w.]\w)", name, error.sentence)
    return InvalidField(name, sentence if name in sentence else f"{name}: {sentence}", error.reason)
