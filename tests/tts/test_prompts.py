"""Voice prompts: computed once, kept while the etag holds, bounded, and there when the catalog is not."""

import asyncio
from dataclasses import replace

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_audio.encoding.encoder import open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_kit import principal
from voicebox_kit.errors import InvalidField, Precondition, Unavailable
from voicebox_kit.principal import Principal
from voicebox_tts.consent import ConsentRule
from voicebox_tts.job import Defaults, Recording, StoredProfile
from voicebox_tts.peers.catalog import Catalog
from voicebox_tts.prompts.folder import PromptFolder
from voicebox_tts.prompts.resolver import PromptResolver
from voicebox_tts.prompts.store import PromptStore

from .conftest import ToneEngine

ANN = StoredProfile("profiles/ann")


@pytest.fixture
async def open_prompts(catalog, executor, tmp_path):
    """Opens the prompts as a start of the process does: with nothing but what is on disk."""
    async with grpc.aio.insecure_channel(catalog.address) as channel, open_decoder() as decoder:

        def opened(max_bytes=10_000, disk_bytes=1_000_000, registry=None, consent=ConsentRule.AUTHENTICATED):
            store = PromptStore(PromptFolder(tmp_path / "prompts", disk_bytes), None, executor)
            return PromptResolver(Catalog(channel), decoder, store, max_bytes, registry or CollectorRegistry(), consent)

        yield opened


def recording(seconds: float = 0.5) -> Recording:
    encoder = open_encoder(Encoding.FLAC, 16_000)
    noise = np.random.default_rng(0).uniform(-0.005, 0.005, int(16_000 * seconds)).astype(np.float32)
    return Recording(encoder.push(noise) + encoder.finish(), "noise")


CALLER = Principal("ann")


@pytest.mark.parametrize(
    ("rule", "caller", "consent", "refused"),
    [
        (ConsentRule.AUTHENTICATED, CALLER, "", True),
        (ConsentRule.AUTHENTICATED, CALLER, " \n", True),
        (ConsentRule.AUTHENTICATED, CALLER, "Ann agreed.", False),
        (ConsentRule.AUTHENTICATED, None, "", False),
        (ConsentRule.EVERYBODY, None, "", True),
        (ConsentRule.EVERYBODY, None, "Ann agreed.", False),
        (ConsentRule.NOBODY, CALLER, "", False),
    ],
)
async def test_a_recording_needs_the_consent_of_its_speaker(open_prompts, engine, rule, caller, consent, refused):
    principal.current.set(caller)
    spoken = replace(recording(), consent=consent)
    prompts = open_prompts(consent=rule)
    if refused:
        with pytest.raises(Precondition) as error:
            await prompts.of_recording(spoken, engine)
        assert (error.value.reason, error.value.subject) == ("CONSENT_REQUIRED", "voice.reference.consent")
    else:
        assert (await prompts.of_recording(spoken, engine)).prompt


async def test_a_thousand_requests_compute_one_prompt(open_prompts, engine, catalog):
    prompts = open_prompts()
    for _ in range(1000):
        cached = await prompts.of_profile(ANN, engine, "local", 10)
    assert (engine.prompts, cached.warnings, cached.etag) == (1, (), "1")


async def test_requests_at_once_compute_one_prompt(open_prompts, engine):
    prompts = open_prompts()
    await asyncio.gather(*(prompts.of_profile(ANN, engine, "local", 10) for _ in range(20)))
    assert engine.prompts == 1


async def test_a_changed_profile_is_computed_anew(open_prompts, engine, catalog):
    prompts = open_prompts()
    await prompts.of_profile(ANN, engine, "local", 10)
    catalog.etag = "2"
    cached = await prompts.of_profile(ANN, engine, "local", 10)
    assert (engine.prompts, cached.etag) == (2, "2")


async def test_another_owner_gets_nothing_of_it(open_prompts, engine, catalog):
    prompts = open_prompts()
    await prompts.of_profile(ANN, engine, "local", 10)
    catalog.failure = grpc.StatusCode.NOT_FOUND
    with pytest.raises(Exception, match="There is no profile"):
        await prompts.of_profile(ANN, engine, "somebody", 10)


async def test_while_the_catalog_is_unavailable_a_known_voice_speaks_with_a_warning(open_prompts, engine, catalog):
    prompts = open_prompts()
    await prompts.of_profile(ANN, engine, "local", 10)
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    cached = await prompts.of_profile(ANN, engine, "local", 10)
    assert "catalog does not answer" in cached.warnings[0]
    catalog.failure = None
    assert not (await prompts.of_profile(ANN, engine, "local", 10)).warnings
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(Unavailable) as refused:
        await prompts.of_profile(StoredProfile("profiles/bob"), engine, "local", 10)
    assert refused.value.reason == "CATALOG_UNREACHABLE"


async def test_a_profile_without_samples_is_a_precondition(open_prompts, engine, catalog):
    catalog.failure = grpc.StatusCode.FAILED_PRECONDITION
    with pytest.raises(Precondition) as refused:
        await open_prompts().of_profile(ANN, engine, "local", 10)
    assert refused.value.subject == "profiles/ann"


async def test_a_reference_that_the_engine_cannot_use_is_a_precondition(open_prompts, engine, monkeypatch):
    def refuse(reference):
        raise InvalidField("reference", "too little speech", "REFERENCE_TOO_LITTLE_SPEECH")

    monkeypatch.setattr(engine, "prompt", refuse)
    with pytest.raises(Precondition) as refused:
        await open_prompts().of_profile(ANN, engine, "local", 10)
    assert refused.value.reason == "REFERENCE_TOO_LITTLE_SPEECH"


async def test_the_cache_is_bounded_and_forgets_the_least_used(open_prompts, engine):
    prompts = open_prompts(max_bytes=2500, disk_bytes=0)
    for name in ("a", "b", "a", "c", "a", "b"):
        await prompts.of_profile(StoredProfile(f"profiles/{name}"), engine, "local", 10)
    assert engine.prompts == 4


async def test_a_recording_is_decoded_and_computed_once(open_prompts, engine):
    prompts = open_prompts()
    for _ in range(3):
        await prompts.of_recording(recording(), engine)
    assert engine.prompts == 1


@pytest.mark.parametrize(("seconds", "reported"), [(30.0, []), (45.0, ["The recording is 45 s long"])])
async def test_of_a_recording_that_is_followed_in_part_it_is_reported_every_time(
    open_prompts, engine, seconds, reported
):
    prompts = open_prompts()
    for _ in range(2):
        cached = await prompts.of_recording(recording(seconds), engine)
        assert [warning.partition(":")[0] for warning in cached.warnings] == reported
    again = await open_prompts().of_recording(recording(seconds), engine)  # after a start: from disk
    assert (again.warnings, engine.prompts) == (cached.warnings, 1)


async def test_a_recording_that_is_no_audio_is_refused_by_its_field(open_prompts, engine):
    with pytest.raises(InvalidField) as refused:
        await open_prompts().of_recording(Recording(b"this is text, not sound"), engine)
    assert refused.value.field == "voice.reference.audio"


async def test_what_the_caller_leaves_open_is_as_the_profile_says(open_prompts, engine, catalog):
    catalog.settings.speed = 1.5
    catalog.settings.seed = 7
    prompts = open_prompts()
    first = await prompts.of_profile(ANN, engine, "local", 10)
    assert first.defaults == Defaults(speed=1.5, seed=7)
    catalog.settings.speed = 0.5
    again = await prompts.of_profile(ANN, engine, "local", 10)
    assert (engine.prompts, again.defaults) == (1, Defaults(speed=0.5, seed=7))


async def test_a_restart_requests_the_audio_once_and_computes_nothing(open_prompts, engine, catalog):
    await open_prompts().of_profile(ANN, engine, "local", 10)
    prompts = open_prompts()
    catalog.settings.seed = 7
    for _ in range(3):
        cached = await prompts.of_profile(ANN, engine, "local", 10)
    assert (engine.prompts, cached.etag, cached.defaults) == (1, "1", Defaults(seed=7))
    assert catalog.sent == 2


async def test_a_restart_computes_no_recording_again(open_prompts, engine):
    for _ in range(2):
        await open_prompts().of_recording(recording(), engine)
    assert engine.prompts == 1


async def test_a_profile_that_changed_while_nobody_ran_is_computed_anew(open_prompts, engine, catalog):
    await open_prompts().of_profile(ANN, engine, "local", 10)
    catalog.etag = "2"
    cached = await open_prompts().of_profile(ANN, engine, "local", 10)
    assert (engine.prompts, cached.etag) == (2, "2")


async def test_a_new_etag_on_the_same_audio_computes_nothing(open_prompts, engine, catalog):
    catalog.pcm_s16le = bytes(48_000)
    prompts = open_prompts()
    await prompts.of_profile(ANN, engine, "local", 10)
    catalog.etag = "2"
    cached = await prompts.of_profile(ANN, engine, "local", 10)
    assert (engine.prompts, cached.etag) == (1, "2")


async def test_a_model_of_another_revision_computes_anew_though_the_profile_did_not_change(open_prompts, engine):
    prompts = open_prompts()
    await prompts.of_profile(ANN, engine, "local", 10)
    await prompts.of_recording(recording(), engine)
    engine.model = replace(engine.model, revision="2")
    await prompts.of_profile(ANN, engine, "local", 10)
    await prompts.of_recording(recording(), engine)
    assert engine.prompts == 4


async def test_two_models_of_one_engine_have_their_own_prompts(open_prompts, engine):
    prompts = open_prompts()
    other = ToneEngine(model=replace(engine.model, name="tone/large"))
    for _ in range(2):
        await prompts.of_profile(ANN, engine, "local", 10)
        await prompts.of_profile(ANN, other, "local", 10)
    assert (engine.prompts, other.prompts) == (1, 1)


async def test_where_prompts_came_from_is_counted(open_prompts, engine, catalog):
    registry = CollectorRegistry()
    prompts = open_prompts(registry=registry)
    for _ in range(3):
        await prompts.of_profile(ANN, engine, "local", 10)
    await prompts.of_profile(StoredProfile("profiles/bob"), engine, "local", 10)  # the same audio
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    await prompts.of_profile(ANN, engine, "local", 10)
    found = {
        where: registry.get_sample_value("voicebox_tts_prompts_found_total", {"where": where})
        for where in ("memory", "disk", "shared")
    }
    assert registry.get_sample_value("voicebox_tts_prompts_computed_total") == 1
    assert found == {"memory": 3, "disk": 1, "shared": None}
