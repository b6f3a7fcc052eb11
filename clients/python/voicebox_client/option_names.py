"""The contract's fields under the names of the command's options, which are what a person has given."""

import re
from collections.abc import Iterable

import click

PARAMETERS = {
    "statement": "consent",
    "speaker": "consent_by",
    "scope": "consent_scope",
    "page_size": "limit",
    "min_duration": "min_seconds",
    "max_duration": "max_seconds",
    "max_age": "keep_days",
    "max_bytes": "keep_megabytes",
    "trim_start": "start",
    "trim_end": "end",
    "max_cue_duration": "max_cue_seconds",
}
"""Of the command's functions, where they have another name than the field."""

_PATH = re.compile(r"^(?:\w+\.)+\w+(?:\[[^\]]*\])?")


def option_of(field: str, parameters: Iterable[click.Parameter]) -> str:
    """The option, as in `--speed`, that a field such as `style.speed` was given by; empty when there is none."""
    options = {
        (parameter.name or "").rstrip("_"): max(parameter.opts, key=len)
        for parameter in parameters
        if isinstance(parameter, click.Option)
    }
    for part in reversed(re.sub(r"\[[^\]]*\]", "", field).split(".")):
        for name in (part, PARAMETERS.get(part, part), part.removesuffix("_hz"), f"{part}s"):
            if name in options:
                return options[name]
    return ""


def in_options(sentence: str, field: str, parameters: Iterable[click.Parameter]) -> str:
    """The sentence with the option where it names the field, or the option before it; as it is where no option fits."""
    path = field or (found[0] if (found := _PATH.match(sentence)) else "")
    option = option_of(path, parameters) if path else ""
    if not option:
        return f"{field}: {sentence}" if field and field not in sentence else sentence
    # A name without a dot may be a word of the sentence too: only the one that it begins with is the field.
    start = "" if "." in path else "^"
    renamed = re.sub(rf"{start}(?<![\w.-]){re.escape(path)}(?![\w.]\w)", option, sentence)
    return renamed if option in renamed else f"{option}: {renamed}"
