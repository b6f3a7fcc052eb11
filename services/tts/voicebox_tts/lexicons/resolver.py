"""Fetches the lexicons that a request names from the catalog, and keeps them for as long as they do not change."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter
from voicebox_kit.errors import Unavailable

from voicebox_tts.peers.catalog import Catalog, StoredLexicon

from .lexicon import Entry, Lexicon

MAX_CHARACTERS = 8_000_000
"""Of all that are kept in memory; each takes some ten bytes there."""
CATALOG_SECONDS = 5.0
"""How long the catalog may take."""


class LexiconResolver:
    """The least recently used lexicons are removed first. What is kept is valid while the catalog has the same etag."""

    def __init__(self, catalog: Catalog, registry: CollectorRegistry, max_characters: int = MAX_CHARACTERS) -> None:
        self._catalog, self._max_characters, self._characters = catalog, max_characters, 0
        self._kept: OrderedDict[tuple[str, str], Lexicon] = OrderedDict()
        self._fetched = Counter(
            "voicebox_tts_lexicons",
            "Lexicons that texts were read with, by where they were.",
            ["where"],
            registry=registry,
        )

    async def resolve(
        self, names: Sequence[str], owner: str, timeout_seconds: float
    ) -> tuple[list[Lexicon], list[str]]:
        """An owner's lexicons in the order of their names, with a warning for each that may be out of date because the
        catalog does not answer. NotFound, or Unavailable for one that is not kept.
        """
        seconds = min(timeout_seconds, CATALOG_SECONDS)
        resolved = await asyncio.gather(*(self._resolve(name, owner, seconds) for name in dict.fromkeys(names)))
        return [lexicon for lexicon, _ in resolved], [warning for _, warning in resolved if warning]

    async def _resolve(self, name: str, owner: str, timeout_seconds: float) -> tuple[Lexicon, str]:
        kept = self._kept.get((owner, name))
        try:
            stored = await self._catalog.lexicon(name, kept.etag if kept else "", owner, timeout_seconds)
        except Unavailable:
            if kept is None:
                raise
            self._fetched.labels("memory").inc()
            return kept, f"The catalog does not answer: {name} is as it was last known."
        if kept and stored.etag == kept.etag:
            self._keep(owner, kept)
            self._fetched.labels("memory").inc()
            return kept, ""
        lexicon = await asyncio.to_thread(_made, name, stored)
        self._keep(owner, lexicon)
        self._fetched.labels("catalog").inc()
        return lexicon, ""

    def _keep(self, owner: str, lexicon: Lexicon) -> None:
        """Keep it as the last one used."""
        if before := self._kept.pop((owner, lexicon.name), None):
            self._characters -= before.size
        self._kept[owner, lexicon.name] = lexicon
        self._characters += lexicon.size
        while len(self._kept) > 1 and self._characters > self._max_characters:
            _, oldest = self._kept.popitem(last=False)
            self._characters -= oldest.size


def _made(name: str, stored: StoredLexicon) -> Lexicon:
    entries = [Entry(*entry) for entry in stored.entries]
    return Lexicon.of(name, stored.etag, stored.language, entries, case_sensitive=stored.case_sensitive)
