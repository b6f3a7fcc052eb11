"""The history, transcriptions and retention: the clients and the command."""

import json
import stat

import pytest
from voicebox.catalog.v1 import catalog_pb2
from voicebox_client.async_client import AsyncClient
from voicebox_client.errors import VoiceboxClientError


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def answered(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_generation_is_changed_field_by_field(client, platform):
    assert client.update_generation("g1", favorite=True, labels={"team": "games"}).favorite
    requested = platform.requested["UpdateGeneration"][0]
    assert (requested.generation.name, list(requested.update_mask.paths)) == ("generations/g1", ["favorite", "labels"])
    client.update_generation("g1", "etag", word_error_rate=0.0)
    assert platform.requested["UpdateGeneration"][1].generation.etag == "etag"
    assert platform.generations[1].HasField("word_error_rate")


def test_many_are_counted_or_deleted(client, platform):
    assert client.delete_generations("favorite = false").count == len(platform.generations) == 5
    assert client.delete_generations("*", force=True).count == 5
    assert platform.generations == []


def test_statistics_and_export(client, platform):
    assert [row.key for row in client.generation_statistics("status = FAILED", "engine", 5).groups] == ["flite", ""]
    requested = platform.requested["GetGenerationStatistics"][0]
    assert (requested.filter, requested.group_by, requested.page_size) == (
        "status = FAILED",
        catalog_pb2.STATISTICS_GROUP_ENGINE,
        5,
    )
    with pytest.raises(ValueError, match="no group 'voice'"):
        client.generation_statistics(by="voice")
    assert b"".join(client.export_generations(without_audio=True)) == b"PKzip"
    assert platform.requested["ExportGenerations"][0].without_audio


def test_a_generation_is_spoken_again_as_it_was(client, platform):
    kept = platform.generations[2]
    kept.MergeFrom(
        catalog_pb2.Generation(
            seed=7, speed=1.5, pitch_semitones=-2, language="de", model="flite/2", parameters={"instructions": "slowly"}
        )
    )
    client.say_again("g2").read()
    kept.profile = "profiles/ann"
    client.say_again("g2", seed=8).read()
    client.say_again("g2", voice="flite/rms").read()
    first, second, third = platform.requested["StreamSynthesize"]
    assert (first.text, first.config.voice.voice, first.config.seed) == (kept.text, "flite/slt", 7)
    assert [requested.config.model for requested in (first, second, third)] == ["models/flite/2", "models/flite/2", ""]
    style = first.config.style
    assert (style.speed, style.pitch_semitones, style.language, style.instructions) == (1.5, -2, "de", "slowly")
    assert (second.config.voice.profile, second.config.seed, third.config.voice.voice) == (
        "profiles/ann",
        8,
        "flite/rms",
    )
    assert len({requested.config.request_id for requested in (first, second, third)}) == 3


def test_transcriptions(client, platform):
    assert [one.text for one in client.list_transcriptions("words", page_size=2, order_by="relevance")] == [
        "Heard 0.",
        "Heard 1.",
        "Heard 2.",
    ]
    assert platform.requested["ListTranscriptions"][0].order_by == "relevance"
    assert client.get_transcription("t1").text == "Heard 1."
    assert client.update_transcription("transcriptions/t1", favorite=True).favorite
    assert b"".join(client.transcription_audio("t1")) == b"flac"
    client.delete_transcription("t1")
    with pytest.raises(VoiceboxClientError, match="no transcription"):
        client.get_transcription("t1")


def test_retention(client, platform):
    assert not client.get_retention_rule().HasField("keep_days")
    assert client.set_retention_rule(keep_bytes=0).HasField("keep_bytes")
    assert not platform.retention_rule.HasField("keep_days")
    assert client.apply_retention().generation_count == 3
    client.apply_retention(force=True)
    assert [request.force for request in platform.requested["ApplyRetention"]] == [False, True]


async def test_the_async_client_does_the_same(platform):
    async with AsyncClient(platform.address) as aio:
        assert (await aio.update_generation("g1", favorite=True)).favorite
        assert (await aio.delete_generations("*")).count == 5
        assert len((await aio.generation_statistics(by="day")).groups) == 2
        assert b"".join([piece async for piece in aio.export_generations()]) == b"PKzip"
        assert (await (await aio.say_again("g2")).read()).startswith(b"RIFF")
        assert [one.text async for one in aio.list_transcriptions()] == ["Heard 0.", "Heard 1.", "Heard 2."]
        assert (await aio.get_transcription("t1")).text == "Heard 1."
        assert (await aio.update_transcription("t1", favorite=True)).favorite
        assert b"".join([piece async for piece in aio.transcription_audio("t1")]) == b"flac"
        await aio.delete_transcription("t1")
        assert (await aio.set_retention_rule(keep_days=3)).keep_days == 3
        assert (await aio.get_retention_rule()).keep_days == 3
        assert (await aio.apply_retention()).generation_count == 3


def test_history_favorite_and_label(voicebox, platform):
    assert answered(voicebox("--json", "history", "favorite", "g1"))["favorite"]
    assert "favorite" not in answered(voicebox("--json", "history", "favorite", "g1", "--off"))
    assert answered(voicebox("--json", "history", "label", "g1", "team=games", "a=b=c"))["labels"] == {
        "team": "games",
        "a": "b=c",
    }
    assert answered(voicebox("--json", "history", "label", "g1", "team="))["labels"] == {"a": "b=c"}
    assert voicebox("history", "label", "g1", "team").exit_code == 2


def test_history_delete_by_filter_asks_first(voicebox, platform):
    result = voicebox("history", "delete", "--filter", "favorite = false", stdin="n\n")
    assert result.exit_code == 1
    assert "Delete 5 generations with 2.0 MB of audio?" in result.stderr
    assert [request.force for request in platform.requested["DeleteGenerations"]] == [False]
    assert voicebox("history", "delete", "--filter", "*", stdin="y\n").stdout == "Deleted 5 generations.\n"
    assert answered(voicebox("--json", "history", "delete", "--filter", "*", "--force")) == {"count": 0}
    for words in ((), ("g1", "--filter", "*")):
        assert voicebox("history", "delete", *words).exit_code == 2


def test_history_stats(voicebox):
    lines = voicebox("history", "stats", "--by", "engine").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ENGINE", "COUNT"], ["flite", "2"], ["-", "2"], ["all", "4"]]
    assert answered(voicebox("--json", "history", "stats"))["total"] == {"count": "4"}


def test_history_export(voicebox, tmp_path):
    assert voicebox("history", "export", "all.zip").stdout == "Wrote all.zip.\n"
    assert (tmp_path / "all.zip").read_bytes() == b"PKzip"


def test_history_again(voicebox, platform):
    result = voicebox("history", "again", "g2", "-o", "again.mp3")
    assert result.stdout.startswith("Wrote again.mp3: 0.20 s by flite/slt")
    assert platform.requested["StreamSynthesize"][0].text == platform.generations[2].text


def test_history_order(voicebox, platform):
    voicebox("history", "list", "--order-by", "duration desc")
    assert platform.requested["ListGenerations"][0].order_by == "duration desc"


@pytest.fixture
def file_player(tmp_path, monkeypatch):
    """A player that copies what it is to play."""
    program = tmp_path / "bin" / "paplay"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n/bin/cp "$1" {tmp_path}/played\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))
    return tmp_path / "played"


def test_stored_audio_is_played(voicebox, platform, file_player):
    assert voicebox("history", "audio", "g1", "--play").exit_code == 0
    assert file_player.read_bytes() == platform.wav_header + platform.spoken
    assert voicebox("transcriptions", "save", "t1", "--play").exit_code == 0
    assert file_player.read_bytes() == b"flac"
    assert voicebox("history", "audio", "g1").exit_code == 2


def test_without_a_player_a_file_is_advised(voicebox, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "No player is installed" in voicebox("history", "audio", "g1", "--play").stderr


def test_transcriptions_verb(voicebox, platform):
    lines = voicebox("transcriptions", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "NAME",
        "transcriptions/t0",
        "transcriptions/t1",
        "transcriptions/t2",
    ]
    assert (
        len(answered(voicebox("--json", "transcriptions", "search", "some", "words", "--limit", "2"))["transcriptions"])
        == 2
    )
    requested = platform.requested["ListTranscriptions"][-1]
    assert (requested.search, requested.order_by) == ("some words", "relevance")
    assert "Heard 1." in voicebox("transcriptions", "show", "t1").stdout
    assert voicebox("transcriptions", "save", "t1", "-o", "t1.flac").stdout == "Wrote t1.flac.\n"
    assert answered(voicebox("--json", "transcriptions", "favorite", "t1"))["favorite"]
    assert answered(voicebox("--json", "transcriptions", "label", "t1", "a=b"))["labels"] == {"a": "b"}
    assert voicebox("transcriptions", "delete", "t1").stdout == "Deleted t1.\n"
    assert len(platform.transcriptions) == 2


def test_retention_verb(voicebox, platform):
    assert voicebox("retention", "show").stdout == "Keeps everything.\n"
    assert (
        voicebox("retention", "set", "--keep-days", "30", "--keep-megabytes", "500").stdout
        == "Keeps 30 days and at most 500 MB of audio.\n"
    )
    assert platform.retention_rule.keep_bytes == 500_000_000
    assert voicebox("retention", "apply").stdout == "Would delete 3 generations and 1 transcriptions, 2.0 MB.\n"
    assert voicebox("retention", "apply", "--force").stdout.startswith("Deleted 3")
    assert voicebox("retention", "set", "--keep-everything").stdout == "Keeps everything.\n"
    for words in ((), ("--keep-everything", "--keep-days", "1"), ("--keep-days", "0")):
        assert voicebox("retention", "set", *words).exit_code == 2
