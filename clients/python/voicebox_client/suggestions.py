"""What a person may have meant by a name that is not there."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from .errors import VoiceboxClientError
from .session import CommandSession

if TYPE_CHECKING:
    from .client import Client

MAX_NAMES = 1000
MIN_SIMILARITY = 0.65
"""One wrong letter of three is still near."""

_UNKNOWN = re.compile(r"There is no (\w+) '([^']*)'\.$")


def nearest(name: str, known: Iterable[str]) -> str:
    """A question to be put behind an error; empty when nothing is near."""
    by_short = {
        short: full for full in known for short in (full, full.rpartition("/")[2]) if "/" not in name or short == full
    }
    near = sorted(short for short in by_short if short.startswith(f"{name}-"))  # a language whose region is missing
    near += sorted(short for short, full in by_short.items() if full.startswith(f"{name}/"))  # an engine
    near += sorted(short for short in by_short if name.lower() in re.split(r"[/_-]", short.lower()))  # as in bf_emma
    near += difflib.get_close_matches(name, by_short, n=1, cutoff=MIN_SIMILARITY)
    return f" Did you mean {by_short[near[0]]!r}?" if near else ""


def meant(session: CommandSession, error: VoiceboxClientError) -> str:
    """The nearest voice, profile or model to the one that an error says there is not, and no more than that."""
    found = _UNKNOWN.fullmatch(error.sentence)
    if not found or found[1] not in _LISTS or not error.reason.endswith("_NOT_FOUND"):
        return ""
    try:
        with session.client() as client:
            return nearest(found[2], islice(_LISTS[found[1]](client), MAX_NAMES))
    except VoiceboxClientError:
        return ""


def _models(client: "Client") -> Iterable[str]:
    return (model.name for host in ("tts", "asr") for model in client.list_models(host))


_LISTS: Mapping[str, Callable[["Client"], Iterable[str]]] = {
    "voice": lambda client: (voice.name for voice in client.list_voices()),
    "profile": lambda client: (profile.name for profile in client.list_profiles()),
    "model": _models,
}
