"""Generations through the real service."""

import asyncio
import io
import uuid
import zipfile

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = (("x-voicebox-principal", "ann"),)


def download(catalog, name, metadata=None):
    return catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=name), metadata=metadata)


async def count(blobs):
    return sum([len(files) async for files in blobs.stored()])


async def test_a_generation_comes_back_as_it_was_recorded(catalog, generation, record, bytes_of):
    sent = generation(
        text="Grüße, 世界\nשלום",
        profile="profiles/ann",
        model="flite/slt",
        seed=2**32 - 1,
        speed=1.5,
        pitch_semitones=-2.5,
        sample_rate_hz=48000,
        duration=Duration(seconds=3, nanos=250_000_000),
        time_to_first_chunk=Duration(nanos=4_000_000),
        synthesis_time=Duration(nanos=120_000_000),
        status=pb.GENERATION_STATUS_CANCELLED,
        warnings=["one", "two"],
        model_revision="abc123",
        parameters={"temperature": "0.7"},
        favorite=True,
        labels={"team": "games"},
        word_error_rate=0.25,
        create_time=Timestamp(seconds=1_767_225_600, nanos=123_456_000),
    )
    kept = await record(catalog, sent, b"abc", b"", b"def" * 100_000)
    assert kept.etag
    assert kept.real_time_factor == pytest.approx(0.12 / 3.25)
    sent.size_bytes, sent.owner, sent.etag, sent.real_time_factor = 300_003, "local", kept.etag, kept.real_time_factor
    assert kept == sent
    assert await catalog.GetGeneration(pb.GetGenerationRequest(name=sent.name)) == sent
    assert (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations == [sent]
    assert await bytes_of(download(catalog, sent.name)) == b"abc" + b"def" * 100_000


@pytest.mark.parametrize(
    ("container", "content_type"),
    [
        ("wav", "audio/wav"),
        ("flac", "audio/flac"),
        ("ogg", "audio/ogg"),
        ("mp3", "audio/mpeg"),
        ("", "application/octet-stream"),
    ],
)
async def test_the_first_message_of_a_download_sets_the_content_type(
    catalog, generation, record, container, content_type
):
    kept = await record(catalog, generation(container=container), b"x" * 1_000_000)
    answers = [answer.body async for answer in download(catalog, kept.name)]
    assert [body.content_type for body in answers] == [content_type] + [""] * (len(answers) - 1)
    assert len(answers) > 1
    assert max(len(body.data) for body in answers) < 1_000_000


async def test_without_audio_there_is_nothing_to_download(catalog, generation, record, refused):
    kept = await record(catalog, generation())
    assert kept.size_bytes == 0
    error = await refused(download(catalog, kept.name))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "AUDIO_NOT_FOUND")


async def test_a_repeat_answers_what_was_kept_even_after_a_restart(opened, generation, record, bytes_of):
    sent = generation()
    async with opened() as catalog:
        kept = await record(catalog, sent, b"first")
        assert await record(catalog, generation(name=sent.name, text="other"), b"second") == kept
    async with opened() as catalog:
        assert await record(catalog, generation(name=sent.name.upper().replace("GENERATIONS", "generations"))) == kept
        assert await bytes_of(download(catalog, kept.name)) == b"first"
        assert len((await catalog.ListGenerations(pb.ListGenerationsRequest())).generations) == 1


async def test_repeats_at_once_make_one_row_and_leave_one_blob(catalog, generation, record, bytes_of, together, blobs):
    name = f"generations/{uuid.uuid4()}"
    kept = await together(
        *(record(catalog, generation(name=name, text=f"{number}"), f"{number}".encode()) for number in range(8))
    )
    assert len({generation.text for generation in kept}) == 1
    assert await bytes_of(download(catalog, name)) == kept[0].text.encode()
    assert await count(blobs) == 1


async def test_an_answer_that_comes_early_reaches_a_caller_who_still_sends(catalog, generation, record, refused):
    sent = generation()
    kept = await record(catalog, sent, b"first")
    assert await record(catalog, sent, *[bytes(1_000_000)] * 20) == kept
    error = await refused(record(catalog, generation(status=0), *[bytes(1_000_000)] * 20))
    assert error.field == "generation.status"


BAD = [
    ({"name": "generations/1"}, "generation.name"),
    ({"name": ""}, "generation.name"),
    ({"name": "profiles/" + str(uuid.uuid4())}, "generation.name"),
    ({"text": "a" * 100_001}, "generation.text"),
    ({"text": "\0"}, "generation.text"),
    ({"voice": "v" * 301}, "generation.voice"),
    ({"status": 0}, "generation.status"),
    ({"status": 99}, "generation.status"),
    ({"speed": float("nan")}, "generation.speed"),
    ({"pitch_semitones": float("inf")}, "generation.pitch_semitones"),
    ({"duration": Duration(seconds=-1)}, "generation.duration"),
    ({"synthesis_time": Duration(seconds=2**62)}, "generation.synthesis_time"),
    ({"sample_rate_hz": -1}, "generation.sample_rate_hz"),
    ({"create_time": Timestamp(seconds=-1)}, "generation.create_time"),
    ({"create_time": Timestamp(seconds=2**62)}, "generation.create_time"),
    ({"warnings": ["w"] * 101}, "generation.warnings"),
    ({"parameters": {f"{number}": "" for number in range(65)}}, "generation.parameters"),
    ({"parameters": {"": "x"}}, "generation.parameters"),
    ({"parameters": {"x": "v" * 1001}}, "generation.parameters.x"),
    ({"labels": {"k" * 64: "v"}}, "generation.labels"),
    ({"word_error_rate": -0.1}, "generation.word_error_rate"),
    ({"word_error_rate": float("nan")}, "generation.word_error_rate"),
    ({"model_revision": "r" * 301}, "generation.model_revision"),
]


@pytest.mark.parametrize(("fields", "field"), BAD)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_bad_field_is_named(shared_catalog, generation, record, refused, fields, field):
    error = await refused(record(shared_catalog, generation(**fields)))
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_the_metadata_comes_first_and_once(catalog, generation, refused):
    async def send(*requests):
        async def messages():
            for request in requests:
                yield request

        return await catalog.RecordGeneration(messages())

    metadata, audio = pb.RecordGenerationRequest(generation=generation()), pb.RecordGenerationRequest(audio=b"x")
    for order in ((), (audio, metadata), (metadata, audio, metadata)):
        assert (await refused(send(*order))).field == "generation"
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations


async def test_audio_over_the_limit_keeps_nothing(env, opened, generation, record, refused):
    env["CATALOG_GENERATION_BYTES"] = "1000"
    async with opened() as catalog:
        error = await refused(record(catalog, generation(), b"x" * 600, b"x" * 600))
        assert (error.field, error.reason) == ("audio", "AUDIO_TOO_LARGE")
        assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations


async def test_a_recorder_that_vanishes_keeps_nothing(catalog, generation):
    call = catalog.RecordGeneration()
    sent = generation()
    await call.write(pb.RecordGenerationRequest(generation=sent))
    await call.write(pb.RecordGenerationRequest(audio=b"x" * 100_000))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations


async def test_list_filters_searches_and_pages(catalog, generation, record, refused):
    for number in range(9):
        await record(catalog, generation(text=f"word {number}", engine=("flite", "espeak")[number % 2]))

    async def texts(**query):
        seen = []
        while True:
            page = await catalog.ListGenerations(pb.ListGenerationsRequest(page_size=2, **query))
            seen += [generation.text[-1] for generation in page.generations]
            if not page.next_page_token:
                return "".join(seen)
            query["page_token"] = page.next_page_token

    assert await texts() == "876543210"
    assert await texts(filter='engine = "espeak"') == "7531"
    assert await texts(search="wo") == "876543210"
    assert await texts(search="word 4") == "4"
    assert await texts(search="word", filter='engine = "flite"') == "86420"
    assert await texts(search="absent") == ""
    page = await catalog.ListGenerations(pb.ListGenerationsRequest(page_size=2, search="word"))
    for query in ({}, {"search": "wor"}, {"search": "word", "filter": "status = FAILED"}):
        assert (await refused(texts(page_token=page.next_page_token, **query))).field == "page_token"
    assert await texts(order_by="create_time", search="word") == "012345678"
    assert await texts(order_by="relevance", search="word") == "876543210"
    for query in ({"search": "word", "order_by": "create_time"}, {"search": "word", "order_by": "relevance"}):
        assert (await refused(texts(page_token=page.next_page_token, **query))).field == "page_token"
    assert (await refused(texts(order_by="relevance"))).field == "order_by"
    assert (await refused(texts(order_by="text"))).field == "order_by"
    assert (await refused(texts(filter="nonsense"))).field == "filter"
    assert (await refused(texts(search="x" * 501))).field == "search"
    assert (await refused(texts(search="a\0b"))).field == "search"


async def test_an_update_changes_what_its_mask_names(catalog, generation, record, refused):
    kept = await record(catalog, generation(text="hello", labels={"a": "1"}))

    async def update(*paths, **fields):
        sent = pb.Generation(name=kept.name, **fields)
        return await catalog.UpdateGeneration(
            pb.UpdateGenerationRequest(generation=sent, update_mask=FieldMask(paths=paths))
        )

    async def found(filter):
        return len((await catalog.ListGenerations(pb.ListGenerationsRequest(filter=filter))).generations)

    changed = await update(favorite=True, labels={"team": "games"}, word_error_rate=0.5)
    assert (changed.favorite, dict(changed.labels), changed.word_error_rate, changed.text) == (
        True,
        {"team": "games"},
        0.5,
        "hello",
    )
    assert changed.etag != kept.etag
    assert await catalog.GetGeneration(pb.GetGenerationRequest(name=kept.name)) == changed
    assert [await found(filter) for filter in ("favorite = true", 'labels.team = "games"', 'labels.a = "1"')] == [
        1,
        1,
        0,
    ]
    changed = await update("favorite", labels={"x": "y"})
    assert (changed.favorite, dict(changed.labels)) == (False, {"team": "games"})
    assert [await found(filter) for filter in ("favorite = true", 'favorite = false AND labels.team = "games"')] == [
        0,
        1,
    ]
    changed = await update("*", etag=changed.etag)
    assert (dict(changed.labels), changed.HasField("word_error_rate")) == ({}, False)
    assert (await refused(update("favorite", etag=kept.etag))).reason == "ETAG_MISMATCH"
    assert (await refused(update("text", text="x"))).field == "update_mask"
    assert (await refused(update(labels={"": "x"}))).field == "generation.labels"
    assert (await refused(update(word_error_rate=-1))).field == "generation.word_error_rate"


async def test_deletes_by_filter_only_when_forced(catalog, generation, record, refused, bytes_of, blobs, monkeypatch):
    monkeypatch.setattr("voicebox_catalog.api.history.DELETED_AT_ONCE", 2)
    for number in range(7):  # by three transactions
        await record(catalog, generation(engine=("flite", "espeak")[number % 2], favorite=number == 2), b"12345")

    async def delete(filter, **options):
        return await catalog.DeleteGenerations(pb.DeleteGenerationsRequest(filter=filter, **options))

    async def left():
        return len((await catalog.ListGenerations(pb.ListGenerationsRequest())).generations)

    kept = await record(catalog, generation(engine="flite"), b"other", metadata=ANN)
    for filter, many in (('engine = "flite"', 4), ('engine = "flite" AND favorite = false', 3), ("*", 7)):
        dry = await delete(filter)
        assert (dry.count, dry.size_bytes, len(dry.names)) == (many, 5 * many, many)
    assert await left() == 7
    done = await delete('engine = "flite" AND favorite = false', force=True)
    assert (done.count, done.size_bytes, list(done.names), await left()) == (3, 15, [], 4)
    assert (await delete("*", force=True)).count == 4
    assert (await delete("*", force=True)).count == await left() == 0
    assert await bytes_of(download(catalog, kept.name, ANN)) == b"other"
    assert await count(blobs) == 1
    for filter in ("", "  ", "nonsense"):
        assert (await refused(delete(filter, force=True))).field == "filter"


async def test_statistics_add_up_what_the_filter_meets(catalog, generation, record, refused):
    for number in range(6):
        await record(
            catalog,
            generation(
                text=f"word {number}",
                engine=("flite", "espeak")[number % 3 == 0],
                profile=f"profiles/p{number % 2}",
                status=pb.GENERATION_STATUS_FAILED if number == 5 else pb.GENERATION_STATUS_COMPLETED,
                duration=Duration(seconds=number),
                synthesis_time=Duration(nanos=500_000_000),
                create_time=Timestamp(seconds=1_767_225_600 + 43_200 * number),
                labels={"odd": f"{number % 2}"},
            ),
            b"12",
        )
    await record(catalog, generation(), metadata=ANN)

    async def statistics(filter="", group=pb.STATISTICS_GROUP_UNSPECIFIED, **fields):
        request = pb.GetGenerationStatisticsRequest(filter=filter, group_by=group, **fields)
        answer = await catalog.GetGenerationStatistics(request)
        return answer.total, [(row.key, row.count, row.duration.seconds) for row in answer.groups]

    total, groups = await statistics()
    assert (total.key, total.count, total.duration.seconds, total.size_bytes, total.incomplete_count) == (
        "",
        6,
        15,
        12,
        1,
    )
    assert (total.synthesis_time.seconds, groups) == (3, [])
    assert (await statistics(group=pb.STATISTICS_GROUP_ENGINE))[1] == [("flite", 4, 12), ("espeak", 2, 3)]
    assert (await statistics(group=pb.STATISTICS_GROUP_PROFILE))[1] == [("profiles/p0", 3, 6), ("profiles/p1", 3, 9)]
    days = [("2026-01-03", 2, 9), ("2026-01-02", 2, 5), ("2026-01-01", 2, 1)]
    assert (await statistics(group=pb.STATISTICS_GROUP_DAY))[1] == days
    assert (await statistics(group=pb.STATISTICS_GROUP_DAY, page_size=1))[1] == days[:1]
    total, groups = await statistics('labels.odd = "1" AND engine = "flite"', pb.STATISTICS_GROUP_PROFILE)
    assert (total.count, groups) == (2, [("profiles/p1", 2, 6)])
    total, groups = await statistics('duration_seconds > 100 AND engine = "flite"', pb.STATISTICS_GROUP_DAY)
    assert (total.count, total.duration.seconds, groups) == (0, 0, [])
    assert (await refused(statistics(group=9))).field == "group_by"
    assert (await refused(statistics(page_size=-1))).field == "page_size"
    assert (await refused(statistics("nonsense"))).field == "filter"


async def exported(catalog, **fields):
    answers = [answer.body async for answer in catalog.ExportGenerations(pb.ExportGenerationsRequest(**fields))]
    assert [body.content_type for body in answers] == ["application/zip"] + [""] * (len(answers) - 1)
    return zipfile.ZipFile(io.BytesIO(b"".join(body.data for body in answers)))


async def test_the_history_is_exported_as_lines_and_audio(catalog, generation, record, monkeypatch):
    monkeypatch.setattr("voicebox_catalog.api.history_archive.ROWS", 3)
    kept = [await record(catalog, generation(text=f"Grüße {number}"), bytes([number]) * 300_000) for number in range(7)]
    kept.append(await record(catalog, generation(container="../../x"), b"odd"))
    kept.append(await record(catalog, generation(engine="espeak")))
    await record(catalog, generation(), b"hers", metadata=ANN)
    archive = await exported(catalog)
    assert archive.testzip() is None
    lines = archive.read("generations.jsonl").decode().splitlines()
    assert [json_format.Parse(line, pb.Generation()) for line in lines] == kept[::-1]
    audio = {f"audio/{one.name[12:]}.{'wav' if one.container == 'wav' else 'bin'}": one for one in kept[:-1]}
    assert sorted(archive.namelist()) == sorted(["generations.jsonl", *audio])
    for number, name in enumerate(list(audio)[:7]):
        assert archive.read(name) == bytes([number]) * 300_000
    assert len((await exported(catalog, filter='engine = "espeak"')).namelist()) == 1
    assert (await exported(catalog, without_audio=True)).namelist() == ["generations.jsonl"]


async def test_audio_that_is_deleted_during_an_export_is_left_out(catalog, generation, record, monkeypatch):
    from voicebox_catalog.api.history_archive import HistoryArchive

    gone = await record(catalog, generation(), b"gone")
    kept = await record(catalog, generation(), b"kept")
    lines = HistoryArchive._lines

    async def then_delete(self):
        async for line in lines(self):
            yield line
        await catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=gone.name))

    monkeypatch.setattr(HistoryArchive, "_lines", then_delete)
    assert (await exported(catalog)).namelist() == ["generations.jsonl", f"audio/{kept.name[12:]}.wav"]


async def test_delete(catalog, generation, record, refused, blobs):
    kept = await record(catalog, generation(), b"audio")
    assert await count(blobs) == 1
    await catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=kept.name))
    for gone in (
        catalog.GetGeneration(pb.GetGenerationRequest(name=kept.name)),
        catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=kept.name)),
        download(catalog, kept.name),
    ):
        error = await refused(gone)
        assert (error.code, error.resource) == (grpc.StatusCode.NOT_FOUND, kept.name)
    assert await count(blobs) == 0


@pytest.mark.parametrize(
    "name", ["", "generations/", "generations/a/b", "profiles/a", "generations/a\n", "generations/" + "a" * 64]
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_malformed_name(shared_catalog, refused, name):
    error = await refused(shared_catalog.GetGeneration(pb.GetGenerationRequest(name=name)))
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, "name")


async def test_owners_do_not_see_each_other(catalog, generation, record, refused):
    kept = await record(catalog, generation(owner="bob"), b"audio", metadata=ANN)
    assert kept.owner == "ann"
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest())).generations
    assert not (await catalog.ListGenerations(pb.ListGenerationsRequest(search="hello"))).generations
    for hidden in (
        catalog.GetGeneration(pb.GetGenerationRequest(name=kept.name)),
        catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=kept.name)),
        download(catalog, kept.name),
    ):
        assert (await refused(hidden)).code == grpc.StatusCode.NOT_FOUND
    assert (
        len((await catalog.ListGenerations(pb.ListGenerationsRequest(search="hello"), metadata=ANN)).generations) == 1
    )
