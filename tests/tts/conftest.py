"""A ten-line engine, a catalog that answers as a test sets it, and the tts service over both."""

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import numpy as np
import pytest
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_models.engine import Model
from voicebox_outbox import outbox as outboxes
from voicebox_tts.engine import Capability, Packed, Reference, Speech, Style, Voice, Word

RATE = 16_000


@dataclass(frozen=True)
class TonePrompt:
    base_voice: str = "high"
    size_bytes: int = 1000


@dataclass
class ToneSession:
    """Every letter is 50 ms of a tone; a sentence with `!` fails at it."""

    engine: "ToneEngine"
    sample_rate_hz: int = RATE
    spoken: int = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        self.engine.running += 1
        try:
            for letter in sentence:
                self.engine.gate(letter)
                if letter.isalnum():
                    start = self.spoken / RATE
                    self.spoken += RATE // 20
                    tone = 0.5 * np.sin(2 * np.pi * (300 + ord(letter)) * np.arange(RATE // 20) / RATE)
                    yield Speech(tone.astype(np.float32), (Word(letter, start, self.spoken / RATE),))
        finally:
            self.engine.running -= 1

    def close(self) -> None:
        self.engine.closed += 1


@dataclass
class ToneEngine:
    """The Engine protocol with nothing behind it."""

    name: str = "tone"
    model: Model = field(default_factory=lambda: Model("tone/1", "1", "Apache-2.0", ("en-US",)))
    capabilities: frozenset[Capability] = frozenset(
        {Capability.CLONING_APPROXIMATE, Capability.WORD_TIMINGS, Capability.SEED}
    )
    default_voice: str = "low"
    loaded: bool = True
    device: str = "cpu"
    memory_bytes: int = 0
    running: int = 0
    closed: int = 0
    prompts: int = 0

    def gate(self, letter: str) -> None:
        if letter == "!":
            raise ZeroDivisionError("the engine broke")

    def load(self) -> None:
        self.loaded = True

    def unload(self) -> None:
        self.loaded = False

    def voices(self) -> Sequence[Voice]:
        return [Voice(name, name.title(), ("en-US",), RATE) for name in ("low", "high")]

    def prompt(self, reference: Reference) -> TonePrompt:
        self.prompts += 1
        return TonePrompt()

    def pack(self, prompt: TonePrompt) -> Packed:
        return Packed({"size": np.array(prompt.size_bytes)}, {"base_voice": prompt.base_voice})

    def unpack(self, packed: Packed) -> TonePrompt:
        if packed.facts.keys() != {"base_voice"}:
            raise ValueError("it is no tone")
        return TonePrompt(packed.facts["base_voice"], int(packed.arrays["size"]))

    def open(self, voice: str | TonePrompt, style: Style, seed: int) -> ToneSession:
        return ToneSession(self)


@pytest.fixture
def engine() -> ToneEngine:
    return ToneEngine()


class FakeCatalog(catalog_pb2_grpc.CatalogServiceServicer):
    """Keeps what it is given; `failure` is what it answers instead while it is set."""

    def __init__(self) -> None:
        self.address = ""
        self.records: dict[str, tuple[catalog_pb2.Generation, bytes]] = {}
        self.failure: grpc.StatusCode | None = None
        self.etag = "1"
        self.pcm_s16le = b""
        """The reference's audio; without it there is some, with each etag another."""
        self.settings = catalog_pb2.VoiceSettings()
        self.references = 0
        self.sent = 0
        """References with their audio."""
        self.arrived = asyncio.Event()
        self.refused = 0
        """Records that failed."""
        self.lexicons: dict[tuple[str, str], catalog_pb2.Lexicon] = {}
        """By owner and name."""
        self.lexicons_sent = 0
        """With their entries."""

    async def RecordGeneration(self, request_iterator, context):
        generation, audio = None, b""
        async for request in request_iterator:  # as the catalog does: an answer during a write may be lost
            generation = request.generation if request.HasField("generation") else generation
            audio += request.audio
        if self.failure:
            self.refused += 1
            await context.abort(self.failure, "as the test has it")
        self.records.setdefault(generation.name, (generation, audio))
        self.arrived.set()
        return generation

    def add_lexicon(self, name="names", language="en", owner="local", **entries):
        """A lexicon of words and what is said for them: an alias, or phonemes between slashes."""
        made = [
            catalog_pb2.LexiconEntry(written=written, phoneme=said.strip("/"))
            if said.startswith("/")
            else catalog_pb2.LexiconEntry(written=written, alias=said)
            for written, said in entries.items()
        ]
        etag = str(len(self.lexicons) + self.lexicons_sent)
        lexicon = catalog_pb2.Lexicon(name=f"lexicons/{name}", language=language, entries=made, etag=etag)
        self.lexicons[owner, lexicon.name] = lexicon
        return lexicon

    async def GetLexicon(self, request, context):
        if self.failure:
            await context.abort(self.failure, "as the test has it")
        owner = dict(context.invocation_metadata()).get("x-voicebox-principal", "local")
        lexicon = self.lexicons.get((owner, request.name))
        if lexicon is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "as the test has it")
        if request.known_etag == lexicon.etag:
            return catalog_pb2.Lexicon(name=lexicon.name, etag=lexicon.etag)
        self.lexicons_sent += 1
        return lexicon

    async def GetReference(self, request, context):
        if self.failure:
            await context.abort(self.failure, "as the test has it")
        self.references += 1
        unchanged = request.known_etag == self.etag
        header = catalog_pb2.ReferenceHeader(
            language="en-US",
            etag=self.etag,
            unchanged=unchanged,
            sample_rate_hz=24_000,
            default_voice_settings=self.settings,
        )
        yield catalog_pb2.GetReferenceResponse(header=header)
        if not unchanged:
            self.sent += 1
            yield catalog_pb2.GetReferenceResponse(pcm_s16le=self.pcm_s16le or self.etag.encode().ljust(48_000, b"\0"))


@pytest.fixture
async def catalog():
    """A FakeCatalog with its `address`."""
    server, fake = grpc.aio.server(), FakeCatalog()
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield fake
    await server.stop(0)


@pytest.fixture(autouse=True)
def patient_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no catalog that is away."""
    monkeypatch.setattr(outboxes, "PROMPT_SECONDS", 60.0)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture
def processor_seconds() -> Callable[[Callable[[], object]], float]:
    """How much time of the processor something takes, the least of three tries."""

    def measure(work: Callable[[], object]) -> float:
        tries = []
        for _ in range(3):
            began = time.thread_time()
            work()
            tries.append(time.thread_time() - began)
        return min(tries)

    return measure
