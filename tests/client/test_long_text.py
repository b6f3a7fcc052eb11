"""Texts that are longer than one call speaks."""

import io
import uuid
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_client import AsyncClient, VoiceboxClientError
from voicebox_client.long_text import MAX_CHARACTERS, parts
from voicebox_kit.errors import Exhausted, Unavailable

SENTENCE = "The birch canoe slid on the smooth planks. "
CHAPTER = SENTENCE * 60_000


@given(st.text(alphabet="ab .!?\n,é\u0301。", max_size=400), st.integers(2, 40))
def test_the_parts_are_the_text_and_none_is_too_long(text, max_characters):
    found = parts(text, max_characters)
    assert all(0 < len(part) <= max_characters for part in found) or not text
    squeezed = "".join(text.split())
    assert "".join("".join(found).split()) == squeezed


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (SENTENCE * 3, ". "),
        ("「これは文です。」" * 20, "」"),
        ("A paragraph of words\n\n" * 10, "\n\n"),
        ("one two three, " * 10, ", "),
        ("words " * 30, " "),
        ('He said "No!" ' * 10, '" '),
    ],
)
def test_a_text_is_cut_at_the_best_end_that_there_is(text, ends):
    assert all(part.endswith(ends) for part in parts(text, 60)[:-1])
    assert len(parts(text, 60)) > 1


def test_a_letter_is_not_cut_from_its_accent():
    assert not any(part[0] == "\u0301" for part in parts("e\u0301" * 100, 51))


def test_a_short_text_is_one_request_as_it_is(client, platform):
    client.say(" Hello. ", request_id=(one := str(uuid.uuid4()))).read()
    [requested] = platform.requested["StreamSynthesize"]
    assert (requested.text, requested.config.request_id) == (" Hello. ", one)


def test_a_long_text_is_spoken_in_parts_and_is_one_file(client, platform, tmp_path):
    speech = client.say(CHAPTER, request_id=str(uuid.uuid4()))
    finished = speech.save(tmp_path / "chapter.wav")
    requested = platform.requested["StreamSynthesize"]
    assert "".join(part.text for part in requested) == CHAPTER
    assert max(len(part.text) for part in requested) <= MAX_CHARACTERS
    assert len({uuid.UUID(part.config.request_id) for part in requested}) == len(requested) == 3
    assert not requested[0].config.HasField("seed")
    assert [part.config.seed for part in requested[1:]] == [7, 7]
    with wave.open(str(tmp_path / "chapter.wav")) as read:
        assert read.readframes(read.getnframes()) == platform.spoken * 3
    assert finished.duration.ToMilliseconds() == 600
    assert speech.generations == [f"generations/{part.config.request_id}" for part in requested]
    assert any("3 parts" in warning for warning in finished.warnings)


def test_its_events_are_those_of_one_utterance(client):
    events = list(client.say(CHAPTER, encoding="pcm"))
    assert [event.WhichOneof("event") for event in events] == ["started", *["chunk"] * 6, "finished"]
    assert [event.chunk.sequence for event in events[1:-1]] == list(range(6))
    offsets = [event.chunk.offset.ToMilliseconds() for event in events[1:-1]]
    assert offsets == sorted(offsets)
    assert offsets[-1] == 400


def test_the_same_request_id_requests_the_same_parts_again(client, platform):
    one = str(uuid.uuid4())
    for _ in range(2):
        client.say(CHAPTER, request_id=one, encoding="pcm").read()
    ids = [requested.config.request_id for requested in platform.requested["StreamSynthesize"]]
    assert ids[:3] == ids[3:]


def failing(platform, error, after):
    """Makes the fake fail once it answered so many calls."""
    enter = platform.enter

    def entered(method, request, context):
        if method == "StreamSynthesize" and len(platform.requested[method]) >= after:
            platform.failures[method] = [error]
        enter(method, request, context)

    platform.enter = entered


@pytest.mark.parametrize("after", [1, 2])
def test_what_was_spoken_is_kept_when_a_later_part_fails(client, platform, tmp_path, after):
    failing(platform, Exhausted("STORAGE_FULL", "The disk is full."), after)
    with pytest.raises(VoiceboxClientError) as failed:
        client.say(CHAPTER).save(tmp_path / "chapter.wav")
    with wave.open(str(tmp_path / "chapter.wav")) as read:
        assert read.readframes(read.getnframes()) == platform.spoken * after
    spoken = int(failed.value.metadata["spoken_characters"])
    assert spoken == sum(len(part.text) for part in platform.requested["StreamSynthesize"][:after])
    assert failed.value.reason == "STORAGE_FULL"
    assert f"({after} of 3 parts)" in failed.value.sentence
    assert "The birch canoe" in failed.value.sentence
    assert str(tmp_path / "chapter.wav") in failed.value.sentence


def test_a_part_that_fails_in_between_is_tried_again(client, platform):
    failing(platform, Unavailable("LOADING", "Not now."), 1)
    with pytest.raises(VoiceboxClientError, match="Not now"):
        client.say(CHAPTER, encoding="pcm").read()
    assert len(platform.requested["StreamSynthesize"]) == 1 + 4


def test_nothing_is_kept_when_the_first_part_fails(client, platform, tmp_path):
    failing(platform, Exhausted("STORAGE_FULL", "The disk is full."), 0)
    with pytest.raises(VoiceboxClientError, match=r"^The disk is full\.$"):
        client.say(CHAPTER).save(tmp_path / "chapter.wav")
    assert list(tmp_path.iterdir()) == []


async def test_the_async_client_does_the_same(platform, tmp_path):
    async with AsyncClient(platform.address) as client:
        audio = await client.say(CHAPTER).read()
        with wave.open(io.BytesIO(audio)) as read:
            assert read.readframes(read.getnframes()) == platform.spoken * 3
        failing(platform, Exhausted("STORAGE_FULL", "The disk is full."), 4)
        with pytest.raises(VoiceboxClientError, match="1 of 3 parts"):
            await client.say(CHAPTER).save(tmp_path / "chapter.wav")
    assert (tmp_path / "chapter.wav").exists()


def test_flac_cannot_be_joined_and_says_so_before_anything_is_made(client, platform):
    with pytest.raises(ValueError, match="FLAC cannot join"):
        client.say(CHAPTER, encoding="flac")
    assert not platform.requested


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_the_command_speaks_a_chapter(voicebox, platform, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("chapter.txt").write_text(CHAPTER)
    result = voicebox("say", "-f", "chapter.txt", "-o", "chapter.mp3", *words)
    assert result.exit_code == 0, result.output
    assert Path("chapter.mp3").read_bytes() == platform.spoken * 3


def test_the_command_keeps_what_was_spoken(voicebox, platform, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("chapter.txt").write_text(CHAPTER)
    failing(platform, Exhausted("STORAGE_FULL", "The disk is full."), 2)
    result = voicebox("say", "-f", "chapter.txt", "-o", "chapter.mp3")
    assert result.exit_code == 1
    assert "2 of 3 parts" in result.stderr
    assert "What was spoken is in chapter.mp3." in result.stderr
    assert Path("chapter.mp3").read_bytes() == platform.spoken * 2


def test_the_command_refuses_a_long_flac_in_one_sentence(voicebox, platform, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = voicebox("say", CHAPTER, "-o", "chapter.flac")
    assert (result.exit_code, platform.requested) == (2, {})
    assert "which FLAC cannot join" in result.stderr


def test_the_limit_is_the_contracts():
    text = (Path(__file__).parents[2] / "protos/voicebox/tts/v1/tts.proto").read_text()
    assert f"1 to {MAX_CHARACTERS:,} characters" in text
