"""Transcriptions through the real service."""

import asyncio
import uuid

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = (("x-voicebox-principal", "ann"),)


def transcription(**fields):
    words = [
        pb.TranscriptionWord(
            text="good",
            start_offset=Duration(nanos=100_000_000),
            end_offset=Duration(nanos=400_000_000),
            confidence=0.0,
        ),
        pb.TranscriptionWord(text="morning", end_offset=Duration(seconds=1), speaker="speaker-1"),
    ]
    utterance = pb.TranscriptionUtterance(
        text="good morning", end_offset=Duration(seconds=1), speaker="speaker-1", channel=1, words=words
    )
    chosen = {
        "name": f"transcriptions/{uuid.uuid4()}",
        "text": "good morning",
        "utterances": [utterance],
        "engine": "whisper",
        "model": "models/whisper/tiny",
        "model_revision": "abc",
        "language": "en",
        "parameters": {"task": "transcribe"},
        "container": "flac",
        "duration": Duration(seconds=1),
        "recognition_time": Duration(nanos=250_000_000),
        "speaker_count": 1,
        "warnings": ["one"],
        "labels": {"team": "games"},
        "create_time": Timestamp(seconds=1_767_225_600, nanos=123_456_000),
    }
    return pb.Transcription(**(chosen | fields))


async def record(catalog, sent, *audio, metadata=None):
    async def messages():
        yield pb.RecordTranscriptionRequest(transcription=sent)
        for block in audio:
            yield pb.RecordTranscriptionRequest(audio=block)

    return await catalog.RecordTranscription(messages(), metadata=metadata)


async def listed(catalog, **query):
    return (await catalog.ListTranscriptions(pb.ListTranscriptionsRequest(**query))).transcriptions


def download(catalog, name, metadata=None):
    return catalog.DownloadTranscriptionAudio(pb.DownloadTranscriptionAudioRequest(name=name), metadata=metadata)


async def test_a_transcription_comes_back_as_it_was_recorded(catalog, bytes_of):
    sent = transcription(text="Grüße, 世界", favorite=True)
    kept = await record(catalog, sent, b"abc", b"def" * 100_000)
    assert kept.etag
    sent.size_bytes, sent.owner, sent.etag = 300_003, "local", kept.etag
    assert kept == sent
    assert await catalog.GetTranscription(pb.GetTranscriptionRequest(name=sent.name)) == sent
    sent.ClearField("utterances")
    assert await listed(catalog) == [sent]
    assert await bytes_of(download(catalog, sent.name)) == b"abc" + b"def" * 100_000


async def test_a_repeat_answers_what_was_kept_even_after_a_restart(opened, bytes_of):
    sent = transcription()
    async with opened() as catalog:
        kept = await record(catalog, sent, b"first")
        assert await record(catalog, transcription(name=sent.name, text="other"), b"second") == kept
    async with opened() as catalog:
        assert await record(catalog, sent) == kept
        assert await bytes_of(download(catalog, kept.name)) == b"first"
        assert len(await listed(catalog)) == 1


async def test_repeats_at_once_make_one_row(catalog, together):
    name = f"transcriptions/{uuid.uuid4()}"
    kept = await together(*(record(catalog, transcription(name=name, text=f"{number}"), b"x") for number in range(8)))
    assert len({one.text for one in kept}) == 1


BAD = [
    ({"name": "transcriptions/1"}, "transcription.name"),
    ({"name": f"generations/{uuid.uuid4()}"}, "transcription.name"),
    ({"text": "\0"}, "transcription.text"),
    ({"text": "a" * 1_000_001}, "transcription.text"),
    ({"engine": "e" * 301}, "transcription.engine"),
    ({"speaker_count": -1}, "transcription.speaker_count"),
    ({"duration": Duration(seconds=-1)}, "transcription.duration"),
    ({"recognition_time": Duration(seconds=-1)}, "transcription.recognition_time"),
    ({"create_time": Timestamp(seconds=-1)}, "transcription.create_time"),
    ({"warnings": ["w"] * 101}, "transcription.warnings"),
    ({"parameters": {"x": "v" * 1001}}, "transcription.parameters.x"),
    ({"labels": {"": "v"}}, "transcription.labels"),
]


@pytest.mark.parametrize(("fields", "field"), BAD)
async def test_a_bad_field_is_named(catalog, refused, fields, field):
    error = await refused(record(catalog, transcription(**fields)))
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_two_hours_of_words_are_kept(catalog):
    utterance = transcription().utterances[0]
    sent = transcription(text="good morning " * 9000, utterances=[utterance] * 18_000)
    assert 1 << 20 < sent.ByteSize() < 4 << 20
    assert len((await record(catalog, sent)).utterances) == 18_000


async def test_a_page_of_long_texts_ends_early(catalog):
    for number in range(6):
        await record(catalog, transcription(text=f"{number}" + "a" * 999_999))
    seen, token = [], None
    while token != "":
        page = await catalog.ListTranscriptions(pb.ListTranscriptionsRequest(page_token=token))
        assert 1 <= len(page.transcriptions) <= 3
        seen += [one.text[0] for one in page.transcriptions]
        token = page.next_page_token
    assert sorted(seen) == list("012345")


async def test_audio_over_the_limit_keeps_nothing(refused, monkeypatch, opened):
    monkeypatch.setattr("voicebox_catalog.api.transcriptions.MAX_BYTES", 1000)
    async with opened() as catalog:
        error = await refused(record(catalog, transcription(), b"x" * 600, b"x" * 600))
        assert (error.field, error.reason) == ("audio", "AUDIO_TOO_LARGE")
        assert not await listed(catalog)


async def test_a_recorder_that_vanishes_keeps_nothing(catalog):
    call = catalog.RecordTranscription()
    await call.write(pb.RecordTranscriptionRequest(transcription=transcription()))
    await call.write(pb.RecordTranscriptionRequest(audio=b"x" * 100_000))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not await listed(catalog)


async def test_list_filters_searches_orders_and_pages(catalog, refused):
    for number in range(9):
        create_time = Timestamp(seconds=1_767_225_600 + number)
        sent = transcription(
            text=f"word {number}",
            model=f"m{number % 2}",
            duration=Duration(seconds=number % 3),
            create_time=create_time,
        )
        await record(catalog, sent)

    async def texts(**query):
        seen = []
        while True:
            page = await catalog.ListTranscriptions(pb.ListTranscriptionsRequest(page_size=2, **query))
            seen += [one.text[-1] for one in page.transcriptions]
            if not page.next_page_token:
                return "".join(seen)
            query["page_token"] = page.next_page_token

    assert await texts() == "876543210"
    assert await texts(order_by="create_time") == "012345678"
    assert await texts(order_by="duration desc") == "852741630"
    assert await texts(order_by="duration", search="wor") == "036147258"
    assert await texts(order_by="relevance", search="wor") == "876543210"
    assert await texts(filter='model = "m1"') == "7531"
    assert await texts(filter='model = "m1" AND duration_seconds >= 1', search="word") == "751"
    assert await texts(search="word 4") == "4"
    assert await texts(search="absent") == ""
    assert (await refused(texts(filter='voice = "x"'))).field == "filter"
    page = await catalog.ListTranscriptions(pb.ListTranscriptionsRequest(page_size=2))
    with pytest.raises(grpc.aio.AioRpcError):
        await catalog.ListGenerations(pb.ListGenerationsRequest(page_size=2, page_token=page.next_page_token))


async def test_an_update_changes_labels_and_favorite(catalog, refused):
    kept = await record(catalog, transcription())

    async def update(*paths, **fields):
        sent = pb.Transcription(name=kept.name, **fields)
        return await catalog.UpdateTranscription(
            pb.UpdateTranscriptionRequest(transcription=sent, update_mask=FieldMask(paths=paths))
        )

    changed = await update(favorite=True, labels={"a": "b"})
    assert (changed.favorite, dict(changed.labels), changed.utterances) == (True, {"a": "b"}, kept.utterances)
    assert len(await listed(catalog, filter='favorite = true AND labels.a = "b"')) == 1
    assert not await listed(catalog, filter='labels.team = "games"')
    assert (await refused(update("text", text="x"))).field == "update_mask"
    assert (await refused(update("favorite", etag=kept.etag))).reason == "ETAG_MISMATCH"


async def test_delete(catalog, refused, blobs):
    kept = await record(catalog, transcription(), b"audio")
    await catalog.DeleteTranscription(pb.DeleteTranscriptionRequest(name=kept.name))
    assert (await refused(catalog.GetTranscription(pb.GetTranscriptionRequest(name=kept.name)))).resource == kept.name
    assert not await listed(catalog, search="good")
    assert [files async for files in blobs.stored() if files] == []


async def test_without_audio_there_is_nothing_to_download(catalog, refused):
    kept = await record(catalog, transcription())
    assert (await refused(download(catalog, kept.name))).reason == "AUDIO_NOT_FOUND"
