"""What the command says of players, of files and of work that takes long."""

import errno
import os

import click
import pytest
from voicebox.models.v1 import models_pb2
from voicebox_client import player
from voicebox_client.session import Working
from voicebox_client.upload import PIECE_BYTES, pieces, size_bytes
from voicebox_client.whole_file import whole_file


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder that is all of PATH; gives a function that puts a script there."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def program(name, does):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    return program


@pytest.mark.parametrize(
    "does", ["echo 'warning: x' >&2; echo 'no such device' >&2; exit 3", "echo no such device >&2; exit 3"]
)
def test_a_players_own_reason_is_passed_on(programs, does):
    programs("aplay", does)
    with (
        pytest.raises(click.ClickException, match=r"The player aplay .*with code 3: no such device"),
        player.playing("aplay", 16000) as play,
    ):
        for _ in range(1000):
            play(bytes(65536))


def test_a_player_of_files_gives_its_reason_too(programs, tmp_path):
    programs("paplay", "echo 'Connection refused' >&2; exit 1")
    with pytest.raises(click.ClickException, match=r"The player paplay failed with code 1: Connection refused$"):
        player.play_file(tmp_path / "x.wav")


def test_a_silent_player_has_no_reason(programs, tmp_path):
    programs("paplay", "exit 1")
    with pytest.raises(click.ClickException, match=r"failed with code 1\.$"):
        player.play_file(tmp_path / "x.wav")


@pytest.mark.parametrize(
    "verb", [["say", "Hello", "-o"], ["history", "audio", "g1", "-o"], ["profiles", "export", "ann", "-o"]]
)
def test_an_error_names_the_file_as_it_was_given(voicebox, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    assert voicebox(*verb, "none/out.wav").stderr == "Error: none/out.wav: No such file or directory\n"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_by_the_file_too(tmp_path, code):
    with pytest.raises(OSError, match=os.strerror(code)) as failed, whole_file(tmp_path / "out.wav"):
        raise OSError(code, os.strerror(code))
    assert failed.value.filename == str(tmp_path / "out.wav")
    assert list(tmp_path.iterdir()) == []


def test_another_files_error_stays_its_own(tmp_path):
    with pytest.raises(BrokenPipeError) as failed, whole_file(tmp_path / "out.wav"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert failed.value.filename is None


def test_work_shows_its_share_where_that_is_known():
    assert Working("Listening to a.wav").line(3.2) == "Listening to a.wav … 3 s"
    assert Working("Listening to a.wav", 0.376).line(62) == "Listening to a.wav … 38%, 62 s"


def test_what_was_sent_is_reported_as_it_is_taken(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(PIECE_BYTES * 2 + 1))
    reported: list[int] = []
    assert b"".join(pieces(path, reported.append)) == path.read_bytes()
    assert reported == [PIECE_BYTES, 2 * PIECE_BYTES, 2 * PIECE_BYTES + 1]
    assert (size_bytes(path), size_bytes(b"abc"), size_bytes(tmp_path)) == (reported[-1], 3, None)


@pytest.mark.parametrize("how", [{}, {"form": "srt"}])
def test_both_ways_to_transcribe_report_what_was_sent(client, recording, how):
    reported: list[int] = []
    (client.transcribe_as if how else client.transcribe)(recording, *how.values(), sent=reported.append)
    assert reported[-1] == recording.stat().st_size


@pytest.mark.parametrize("state", [models_pb2.MODEL_STATE_ABSENT, models_pb2.MODEL_STATE_FAILED])
def test_voices_names_the_engines_that_cannot_speak_here(voicebox, platform, state):
    platform.model = models_pb2.Model(
        name="models/espeak/espeak-ng", engine="espeak", state=state, detail="It needs libespeak-ng1."
    )
    result = voicebox("voices")
    assert "flite/slt" in result.stdout
    assert result.stderr == "espeak is not available: It needs libespeak-ng1.\n"
    assert voicebox("voices", "--engine", "flite").stderr == ""
    assert voicebox("voices", "--json").stderr == ""
