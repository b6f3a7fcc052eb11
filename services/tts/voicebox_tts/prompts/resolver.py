"""Finds the voice prompt of a profile or a recording for an engine: in memory, bounded in bytes, or in the store."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from prometheus_client import CollectorRegistry, Counter
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.errors import AudioError, DecoderUnavailable
from voicebox_kit import principal
from voicebox_kit.errors import InvalidField, Precondition, Unavailable

from voicebox_tts.consent import ConsentRule
from voicebox_tts.engine import LONGEST_REFERENCE_SECONDS, CloningEngine, Reference, VoicePrompt
from voicebox_tts.job import MAX_REFERENCE_BYTES, NO_DEFAULTS, Defaults, Recording, StoredProfile
from voicebox_tts.peers.catalog import Catalog

from .store import Origin, PromptStore

CATALOG_SECONDS = 5.0
RECORDING_LIMITS = Limits(max_bytes=MAX_REFERENCE_BYTES, max_seconds=60.0)
REFERENCE_RATE_HZ = 24_000


@dataclass(frozen=True)
class ResolvedPrompt:
    """A voice prompt, with its profile's etag and defaults, and warnings for the client."""

    prompt: VoicePrompt
    etag: str = ""
    defaults: Defaults = NO_DEFAULTS
    warnings: tuple[str, ...] = ()


Make = Callable[[ResolvedPrompt | None], Awaitable[ResolvedPrompt]]


class PromptResolver:
    """Caches the voice prompts of this process; the least recently used are removed first. Each model has its own.

    What is cached is valid while the profile's etag is the same. After a start nothing is cached: the profile's audio
    is fetched once, and the hash of its content is the key of its prompt in the store.
    """

    def __init__(
        self,
        catalog: Catalog,
        decoder: Decoder,
        store: PromptStore,
        max_bytes: int,
        registry: CollectorRegistry,
        consent: ConsentRule = ConsentRule.AUTHENTICATED,
    ) -> None:
        self._catalog, self._decoder, self._store, self._consent = catalog, decoder, store, consent
        self._max_bytes, self._held_bytes = max_bytes, 0
        self._cached: OrderedDict[tuple[str, ...], ResolvedPrompt] = OrderedDict()
        self._making: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()
        self._computed = Counter(
            "voicebox_tts_prompts_computed", "Voice prompts computed by an engine.", registry=registry
        )
        self._found = Counter(
            "voicebox_tts_prompts_found", "Voice prompts that were there, by where.", ["where"], registry=registry
        )

    async def of_profile(
        self, profile: StoredProfile, engine: CloningEngine, owner: str, timeout_seconds: float
    ) -> ResolvedPrompt:
        """A profile's prompt, with a warning when it may be out of date because the catalog does not answer."""
        key = (engine.model.name, engine.model.revision, owner, profile.name)
        known = self._cached.get(key)
        try:  # outside of the key's lock: callers wait for a catalog that hangs at the same time, not one after another
            stored = await self._catalog.reference(
                profile.name, known.etag if known else "", owner, min(timeout_seconds, CATALOG_SECONDS)
            )
        except Unavailable:
            if known:
                self._count(Origin.MEMORY)
                return replace(
                    known, warnings=("The catalog does not answer: the profile's voice is as it was last known.",)
                )
            raise
        if stored.reference is None and known:
            current = replace(known, defaults=stored.defaults)
            if key in self._cached:
                self._cached[key] = current
                self._cached.move_to_end(key)
            self._count(Origin.MEMORY)
            return current
        if stored.reference is None:
            raise Unavailable("CATALOG_UNREACHABLE", "The catalog sent no reference for the profile.")
        reference = stored.reference

        async def make(known: ResolvedPrompt | None) -> ResolvedPrompt:
            if known and known.etag == stored.etag:
                self._count(Origin.MEMORY)
                return known
            try:
                return ResolvedPrompt(await self._stored(engine, reference), stored.etag, stored.defaults)
            except InvalidField as error:
                raise Precondition(
                    error.reason, profile.name, f"{profile.name} cannot be spoken with: {error.sentence}"
                ) from error

        return await self._through_cache(key, make)

    async def of_recording(self, recording: Recording, engine: CloningEngine) -> ResolvedPrompt:
        """The prompt of a recording that came with a request; InvalidField("voice.reference.audio") when it cannot be
        used, Precondition("CONSENT_REQUIRED") when its consent is missing.
        """
        self._consent.refuse_without(recording.consent, principal.current.get())
        digest = hashlib.sha256(recording.transcript.encode() + b"\0" + recording.audio).hexdigest()

        async def make(known: ResolvedPrompt | None) -> ResolvedPrompt:
            if known:
                self._count(Origin.MEMORY)
                return known
            try:
                clip = await self._decoder.decode(recording.audio, REFERENCE_RATE_HZ, RECORDING_LIMITS)
                prompt = await self._stored(engine, Reference(clip.samples, clip.sample_rate_hz, recording.transcript))
                return ResolvedPrompt(prompt, warnings=_too_long(len(clip.samples) / clip.sample_rate_hz))
            except DecoderUnavailable as error:
                raise Unavailable(error.reason, str(error)) from error
            except (AudioError, InvalidField) as error:
                raise InvalidField("voice.reference.audio", str(error), error.reason) from error

        return await self._through_cache((engine.model.name, engine.model.revision, digest), make)

    async def _stored(self, engine: CloningEngine, reference: Reference) -> VoicePrompt:
        prompt, origin = await self._store.prompt(engine, reference)
        self._count(origin)
        return prompt

    def _count(self, origin: Origin) -> None:
        if origin is Origin.COMPUTED:
            self._computed.inc()
        else:
            self._found.labels(origin).inc()

    async def _through_cache(self, key: tuple[str, ...], make: Make) -> ResolvedPrompt:
        """What `make` returns for what is cached; one call at a time for each key, so that nothing is computed
        twice.
        """
        lock = self._making.setdefault(key, asyncio.Lock())
        async with lock:
            cached = await make(self._cached.get(key))
            before = self._cached.pop(key, None)
            self._cached[key] = cached
            self._held_bytes += cached.prompt.size_bytes - (before.prompt.size_bytes if before else 0)
            while len(self._cached) > 1 and self._held_bytes > self._max_bytes:
                _, oldest = self._cached.popitem(last=False)
                self._held_bytes -= oldest.prompt.size_bytes
        return cached


def _too_long(seconds: float) -> tuple[str, ...]:
    """A warning for a recording of which only a part is used."""
    if seconds <= LONGEST_REFERENCE_SECONDS:
        return ()
    return (
        f"The recording is {seconds:.0f} s long: {LONGEST_REFERENCE_SECONDS} s of it at most are followed, without a "
        "transcript.",
    )
