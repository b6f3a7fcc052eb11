"""Names fields as other people's APIs do, in the errors that their callers see."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .errors import InvalidField


@contextmanager
def named_as(names: Mapping[str, str]) -> Iterator[None]:
    """What the block raises of our fields, as `text` or `config.hotwords[3]`, leaves it under `names`, in its sentence too."""
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
