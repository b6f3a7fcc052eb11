"""Names a field of a config, in an error, by its path within the request."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from google.protobuf.descriptor import Descriptor
from voicebox_kit.errors import InvalidField


@contextmanager
def paths_below(prefix: str, config: Descriptor) -> Iterator[None]:
    """An InvalidField of a field of `config`, as `style.speed`, leaves the block as `{prefix}.style.speed`.

    Other fields, such as `text`, stand beside the config and keep their names.
    """
    try:
        yield
    except InvalidField as error:
        if error.field.partition(".")[0] not in config.fields_by_name:
            raise
        path = f"{prefix}.{error.field}"
        raise InvalidField(path, _renamed(error.sentence, error.field, path), error.reason) from error


def _renamed(sentence: str, field: str, path: str) -> str:
    """The sentence with the path where it names the field, and not where it uses the same word."""
    return re.sub(rf"{'' if '.' in field else '^'}(?<![\w.]){re.escape(field)}(?!\w|\.\w)", lambda _: path, sentence)
