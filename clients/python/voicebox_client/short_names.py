"""Names as tables shorten them: the beginning of an id is enough, where no other one begins so."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import click

from .session import CommandSession

if TYPE_CHECKING:
    from .client import Client

MAX_NAMES = 10_000
"""The newest ones are looked through."""

_BEGINNING = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,27}")


Callback = Callable[[click.Context, click.Parameter, str | None], str | None]


class NamedResource(Protocol):
    """What has a resource name."""

    @property
    def name(self) -> str: ...


def whole(collection: str, listing: Callable[["Client"], Iterator[NamedResource]]) -> Callback:
    """The callback of an argument that names one of a collection, as in `generations`: gives the whole name."""

    def callback(ctx: click.Context, _parameter: click.Parameter, name: str | None) -> str | None:
        beginning = (name or "").removeprefix(f"{collection}/")
        if not _BEGINNING.fullmatch(beginning):
            return name
        with ctx.find_root().ensure_object(CommandSession).client() as client:
            names = [each.name for each in islice(listing(client), MAX_NAMES)]
        found = [each for each in names if each.startswith(f"{collection}/{beginning}")]
        if len(found) > 1:
            raise click.BadParameter(f"{name} is the beginning of {len(found)} names: {', '.join(found[:3])} …")
        return found[0] if found else name

    return callback


whole_generation = whole("generations", lambda client: client.list_generations(page_size=1000))
generation = click.argument("generation", callback=whole_generation)
transcription = click.argument(
    "transcription", callback=whole("transcriptions", lambda client: client.list_transcriptions(page_size=1000))
)
