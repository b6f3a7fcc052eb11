"""Dialogues: turns of several voices, as one stream and one record."""

import json

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_client import history_requests
from voicebox_kit.errors import InvalidField
from voicebox_tts.api.requests import MAX_TURNS, to_dialogue
from voicebox_tts.app import open_service
from voicebox_tts.engine import Style
from voicebox_tts.history.turns import SpokenTurn, parameters
from voicebox_tts.job import BuiltIn, StoredProfile, VoiceOverride
from voicebox_tts.text.directions import Passage, Pause, Turn

from tests.support.aio import aio_stub


def turn(voice: str, text: str, **fields) -> tts_pb2.DialogueTurn:
    kind = "profile" if voice.startswith("profiles/") else "voice"
    selection = tts_pb2.VoiceSelection(**{kind: voice}) if voice else None
    return tts_pb2.DialogueTurn(voice=selection, text=text, **fields)


def dialogue(*turns, gap: float | None = None, **config) -> tts_pb2.StreamDialogueRequest:
    request = tts_pb2.StreamDialogueRequest(turns=turns, config=tts_pb2.SynthesisConfig(**config))
    if gap is not None:
        request.gap.FromMilliseconds(round(gap * 1000))
    return request


@pytest.mark.unit
def test_turns_become_passages_with_gaps_between_them():
    directed = to_dialogue(
        dialogue(
            turn("flite/slt", "One."),
            turn("profiles/ann", "Two [pause:1s] three.", gap=Duration(seconds=2)),
            turn("", "Four.", gap=Duration()),
        )
    )
    slt, ann = VoiceOverride(BuiltIn("flite/slt")), VoiceOverride(StoredProfile("profiles/ann"))
    assert directed.directions == (
        *(Turn(0, slt), Passage("One.", slt), Pause(2.0)),
        *(Turn(1, ann), Passage("Two", ann), Pause(1.0), Passage("three.", ann)),
        *(Turn(2), Passage("Four.")),
    )
    assert directed.text == "One. Two three. Four."


@pytest.mark.unit
def test_a_turns_style_is_the_requests_where_it_says_nothing():
    style = tts_pb2.SpeakingStyle(speed=2.0, language="en")
    request = dialogue(turn("", "a", style=tts_pb2.SpeakingStyle(pitch_semitones=3)), turn("", "b"), style=style)
    styled, plain = (each.override for each in to_dialogue(request).directions if isinstance(each, Passage))
    assert styled.style is not None
    assert (styled.style.speed, styled.style.pitch_semitones, styled.style.language) == (2.0, 3.0, "en")
    assert plain.style is None


@pytest.mark.unit
@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (dialogue(), "turns", "INVALID_FIELD"),
        (dialogue(*[turn("", "a")] * (MAX_TURNS + 1)), "turns", "INVALID_FIELD"),
        (dialogue(*[turn("", "a" * 101)] * 100), "turns", "TEXT_TOO_LONG"),
        (dialogue(*[turn(f"flite/{n}", "a") for n in range(33)]), "turns", "TOO_MANY_VOICES"),
        (dialogue(turn("", "a"), turn("", " ")), "turns[1].text", "TEXT_EMPTY"),
        (dialogue(turn("", "a[pause:1h]")), "turns[0].text", "PAUSE_INVALID"),
        (dialogue(turn("profiles/../x", "a")), "turns[0].voice", "INVALID_FIELD"),
        (dialogue(turn("", "a", style=tts_pb2.SpeakingStyle(speed=9))), "turns[0].style.speed", "INVALID_FIELD"),
        (dialogue(turn("", "a", gap=Duration(seconds=11))), "turns[0].gap", "INVALID_FIELD"),
        (dialogue(turn("", "a"), gap=-1), "gap", "INVALID_FIELD"),
        (
            dialogue(tts_pb2.DialogueTurn(voice={"reference": {"audio": b"x"}}, text="a")),
            "turns[0].voice",
            "INVALID_FIELD",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_its_turn(request_, field, reason):
    with pytest.raises(InvalidField) as failed:
        to_dialogue(request_)
    assert (failed.value.field, failed.value.reason) == (field, reason)
    assert field in failed.value.sentence


@pytest.fixture
async def tts(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    return aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)


async def test_turns_are_spoken_in_their_voices_as_one_stream_and_one_record(tts, catalog):
    turns = [turn("flite/rms", "Hello."), turn("flite/slt", "Good evening."), turn("flite/rms", "Bye.")]
    counts = {}
    for gap in (0.0, 1.25):
        request = dialogue(*turns, gap=gap, seed=3)
        events = [event async for event in tts.StreamDialogue(request)]
        kinds = [event.WhichOneof("event") for event in events]
        assert kinds == ["started", *["chunk"] * (len(events) - 2), "finished"]
        assert events[0].started.voice == "flite/rms"
        speakers = [speaker for event in events for speaker in event.chunk.speakers]
        assert [(each.turn, each.voice) for each in speakers] == [(0, "flite/rms"), (1, "flite/slt"), (2, "flite/rms")]
        words = [word for event in events for word in event.chunk.words]
        assert [word.word for word in words] == ["hello", "good", "evening", "bye"]
        for speaker, word in zip(speakers, (words[0], words[1], words[3]), strict=True):
            assert 0 <= word.start_offset.ToMilliseconds() - speaker.start_offset.ToMilliseconds() < 500
        counts[gap] = events[-1].finished.sample_count
        record, _ = catalog.records[events[-1].finished.generation]
        assert record.text == "Hello. Good evening. Bye."
        assert record.parameters["voices"] == "flite/rms, flite/slt"
    assert counts[1.25] - counts[0.0] == 2 * 20_000
    assert len(catalog.records) == 2


async def test_an_unknown_voice_is_named_by_its_turn_before_anything_is_spoken(tts):
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        async for _ in tts.StreamDialogue(dialogue(turn("flite/rms", "Hello."), turn("flite/nobody", "Bye."))):
            pytest.fail("something was spoken")
    assert "turns[1]" in (failed.value.details() or "")
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def audio_of(tts, request: tts_pb2.StreamDialogueRequest) -> bytes:
    return b"".join([event.chunk.audio async for event in tts.StreamDialogue(request)])


async def test_a_dialogue_is_said_again_by_the_same_voices_in_the_same_manner(tts, catalog):
    request = dialogue(
        turn("flite/rms", "Hello there."),
        turn("flite/slt", "Good [pause:500ms] evening.", style=tts_pb2.SpeakingStyle(speed=1.3)),
        turn("", "Bye.", gap=Duration(seconds=1)),
        voice={"voice": "flite/kal16"},
        seed=4,
    )
    first = await audio_of(tts, request)
    ((record, _),) = catalog.records.values()
    again = history_requests.again(record)
    assert isinstance(again, tts_pb2.StreamDialogueRequest)
    assert [(each.voice.voice, each.text) for each in again.turns] == [
        ("flite/rms", "Hello there."),
        ("flite/slt", "Good"),
        ("flite/slt", "evening."),
        ("flite/kal16", "Bye."),
    ]
    assert await audio_of(tts, again) == first
    by_another = history_requests.again(record, voice="flite/awb")
    assert isinstance(by_another, tts_pb2.StreamSynthesizeRequest)


@pytest.mark.unit
def test_turns_are_recorded_in_lists_that_the_catalog_takes_or_not_at_all():
    def spoken(count: int, instructions: str = "") -> list[SpokenTurn]:
        return [SpokenTurn(10, "flite/slt", Style(instructions=instructions), 0.3)] * count

    recorded = parameters(spoken(200))
    assert len(recorded) > 1
    assert max(map(len, recorded.values())) <= 1000
    assert sum(len(json.loads(each)) for each in recorded.values()) == 200
    assert parameters(spoken(200, "x" * 900)) == parameters(spoken(1, "x" * 2000)) == parameters([]) == {}


async def test_a_text_with_phonemes_is_said_again_in_its_own_words(tts, catalog):
    ssml = (
        '<speak>The <phoneme ph="kæt">cat</phoneme> sat.<voice name="flite/rms">Oh <break time="400ms"/> no.</voice>'
        "</speak>"
    )
    config = tts_pb2.SynthesisConfig(voice={"voice": "flite/slt"}, seed=4)
    async for _ in tts.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(ssml=ssml, config=config)):
        pass
    ((record, _),) = catalog.records.values()
    again = history_requests.again(record)
    assert isinstance(again, tts_pb2.StreamDialogueRequest)
    assert [(each.voice.voice, each.text) for each in again.turns] == [
        ("flite/slt", "The cat sat."),
        ("flite/rms", "Oh"),
        ("flite/rms", "no."),
    ]
