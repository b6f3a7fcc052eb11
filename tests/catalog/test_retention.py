"""How long the history is kept: rules, their application, and the sweep."""

import asyncio
import uuid

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client import CollectorRegistry
from sqlmodel import select
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_catalog.api.retention import Retention
from voicebox_catalog.store.generations import GenerationStore
from voicebox_catalog.store.profiles import ProfileStore
from voicebox_catalog.store.retention import RetentionStore
from voicebox_catalog.store.tables import Lease, RetentionRule
from voicebox_catalog.store.transcriptions import TranscriptionStore
from voicebox_catalog.upkeep.sweep import LEASE, Sweep, sweeping
from voicebox_kit.background import STEADY_SECONDS, Background
from voicebox_sql.clock import now_us
from voicebox_sql.leases import Leases

ANN = (("x-voicebox-principal", "ann"),)
DAY_S = 86_400


def ago(days):
    return Timestamp(seconds=now_us() // 1_000_000 - round(days * DAY_S))


async def transcribe(catalog, *audio, **fields):
    async def messages():
        yield pb.RecordTranscriptionRequest(
            transcription=pb.Transcription(name=f"transcriptions/{uuid.uuid4()}", **fields)
        )
        for block in audio:
            yield pb.RecordTranscriptionRequest(audio=block)

    return await catalog.RecordTranscription(messages())


async def left(catalog, metadata=None):
    generations = (await catalog.ListGenerations(pb.ListGenerationsRequest(), metadata=metadata)).generations
    transcriptions = (
        await catalog.ListTranscriptions(pb.ListTranscriptionsRequest(), metadata=metadata)
    ).transcriptions
    return "".join(one.text for one in (*generations, *transcriptions))


@pytest.fixture
async def filled(catalog, generation, record):
    """Generations a to e and transcriptions F and G of 10 bytes, 1 to 5 and 2.5 and 4.5 days old; c is a favourite. Ann
    has one, too.
    """
    for age, text in enumerate("abcde", 1):
        await record(catalog, generation(text=text, create_time=ago(age), favorite=text == "c"), b"0123456789")
    for days, text in ((2.5, "F"), (4.5, "G")):
        await transcribe(catalog, b"0123456789", text=text, create_time=ago(days), duration=Duration(seconds=1))
    await record(catalog, generation(text="z", create_time=ago(1000)), b"0123456789", metadata=ANN)
    return catalog


async def rule(catalog, **limits):
    return await catalog.UpdateRetentionRule(pb.UpdateRetentionRuleRequest(rule=pb.RetentionRule(**limits)))


async def apply(catalog, **options):
    answer = await catalog.ApplyRetention(pb.ApplyRetentionRequest(**options))
    return answer.generation_count, answer.transcription_count, answer.size_bytes


async def test_a_rule_is_kept_and_replaced(catalog, refused):
    assert await catalog.GetRetentionRule(pb.GetRetentionRuleRequest()) == pb.RetentionRule()
    kept = await rule(catalog, keep_days=30, keep_bytes=0)
    assert (kept.keep_days, kept.keep_bytes, kept.HasField("keep_bytes")) == (30, 0, True)
    assert await catalog.GetRetentionRule(pb.GetRetentionRuleRequest()) == kept
    assert not (await rule(catalog, keep_bytes=5)).HasField("keep_days")
    assert await catalog.GetRetentionRule(pb.GetRetentionRuleRequest(), metadata=ANN) == pb.RetentionRule()
    for bad, field in (
        ({"keep_days": 0}, "keep_days"),
        ({"keep_days": 36_501}, "keep_days"),
        ({"keep_bytes": -1}, "keep_bytes"),
    ):
        assert (await refused(rule(catalog, **bad))).field == f"rule.{field}"


@pytest.mark.parametrize(
    ("limits", "gone", "rest"),
    [
        ({}, (0, 0, 0), "abcdeFG"),
        ({"keep_days": 10}, (0, 0, 0), "abcdeFG"),
        ({"keep_days": 3}, (2, 1, 30), "abcF"),
        ({"keep_bytes": 70}, (0, 0, 0), "abcdeFG"),
        ({"keep_bytes": 60}, (1, 0, 10), "abcdFG"),
        ({"keep_bytes": 35}, (2, 2, 40), "abc"),
        ({"keep_bytes": 0}, (4, 2, 60), "c"),
        ({"keep_bytes": 60, "keep_days": 3}, (2, 1, 30), "abcF"),
        ({"keep_bytes": 20, "keep_days": 3}, (3, 2, 50), "ac"),
    ],
)
async def test_the_oldest_go_and_favourites_stay(filled, limits, gone, rest):
    await rule(filled, **limits)
    dry = await apply(filled)
    assert await left(filled) == "abcdeFG"
    done = await apply(filled, force=True)
    assert (dry, done, await left(filled)) == (gone, gone, rest)
    assert await apply(filled, force=True) == (0, 0, 0)
    assert await left(filled, ANN) == "z"


async def test_without_a_rule_nothing_is_deleted(filled):
    assert await apply(filled, force=True) == (0, 0, 0)
    assert await left(filled) == "abcdeFG"


def sweep_of(database, blobs, holder, clock=now_us):
    retention = Retention(
        RetentionStore(database), GenerationStore(database), TranscriptionStore(database), blobs, clock
    )
    return Sweep(
        Leases(database, Lease, holder, 60, clock), retention, ProfileStore(database), blobs, database, 7.0, clock
    )


async def test_one_of_two_replicas_sweeps_for_everybody(filled, database, blobs):
    await RetentionStore(database).set_rule(RetentionRule(owner="ann", keep_days=999, update_time_us=0))
    await rule(filled, keep_days=3)
    async with database.reading() as session:
        own = (await session.scalars(select(Lease))).one()  # the service that the test started swept first
    await Leases(database, Lease, own.holder, 60, now_us).release(LEASE)
    swept = await asyncio.gather(*(sweep_of(database, blobs, holder).run() for holder in ("a", "b")))
    assert sorted(swept) == [False, True]
    assert await left(filled) == "abcF"
    assert await left(filled, ANN) == ""


async def test_the_sweep_is_repeated_also_after_an_error(database, blobs, caplog):
    pauses = asyncio.Queue()
    sweep = sweep_of(database, blobs, "a", clock=iter([]).__next__)  # a clock that fails

    async def sleep(seconds):
        await asyncio.Event().wait() if seconds == STEADY_SECONDS else await pauses.put(seconds)

    background = Background(CollectorRegistry(), sleep)
    async with sweeping(sweep, background, sleep):
        assert [await pauses.get() for _ in range(2)] == [1.0, 2.0]
        assert background.tasks == {"sweep": False}
    assert "the background task sweep failed" in caplog.text


async def test_another_replica_sweeps_at_once_when_one_ends(database, blobs):
    slept = asyncio.Event()

    async def sleep(_seconds):
        slept.set()
        await asyncio.Event().wait()

    async with sweeping(sweep_of(database, blobs, "a"), Background(CollectorRegistry()), sleep):
        await slept.wait()
        assert not await sweep_of(database, blobs, "b").run()
    assert await sweep_of(database, blobs, "b").run()
