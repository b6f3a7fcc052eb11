"""Dialogues from the client and the command."""

from datetime import timedelta
from typing import cast

import pytest
from voicebox.tts.v1 import tts_pb2
from voicebox_client import requests
from voicebox_client.client import Client
from voicebox_client.dialogue_file import turns


def test_turns_begin_with_a_voice_or_a_name():
    text = "# a talk\nAnn: Hello.\n\nflite/rms:  It is 12:30.\nNote: this goes on.\nprofiles/bob: Bye."
    assert turns(text, {"Ann": "flite/slt"}) == [
        ("flite/slt", "Hello."),
        ("flite/rms", "It is 12:30.\nNote: this goes on."),
        ("profiles/bob", "Bye."),
    ]


@pytest.mark.parametrize(("text", "line"), [("Hello.", 1), ("\nBob: Hello.", 2), ("Ann: Hi.\nAnn:\n", 2)])
def test_what_is_wrong_in_a_file_is_named_by_its_line(text, line):
    with pytest.raises(ValueError, match=f"Line {line}:"):
        turns(text, {"Ann": "flite/slt"})


def test_a_request_has_the_turns_their_styles_and_the_gap():
    request = requests.dialogue(
        [("flite/slt", "Hello."), ("profiles/ann", "Hi.", {"speed": 1.2}), ("", "Bye.")], 0.5, seed=1, encoding="mp3"
    )
    voices = [(turn.voice.voice, turn.voice.profile) for turn in request.turns]
    assert voices == [("flite/slt", ""), ("", "profiles/ann"), ("", "")]
    assert [round(turn.style.speed, 3) for turn in request.turns] == [0.0, 1.2, 0.0]
    assert request.gap.ToTimedelta() == timedelta(seconds=0.5)
    assert (request.config.seed, request.config.audio.encoding) == (1, tts_pb2.AUDIO_ENCODING_MP3)
    assert not requests.dialogue([("", "a")], None).HasField("gap")


def test_ssml_is_sent_as_ssml():
    request = requests.say("<speak>a</speak>", ssml=True)
    assert (request.ssml, request.text) == ("<speak>a</speak>", "")


def test_the_client_saves_a_dialogue(platform, tmp_path):
    with Client(platform.address) as client:
        finished = client.dialogue([("flite/slt", "Hello."), ("flite/rms", "Bye.")]).save(tmp_path / "talk.wav")
    assert finished.generation.startswith("generations/")
    assert (tmp_path / "talk.wav").stat().st_size > 44


def test_the_command_speaks_a_file(platform, voicebox, tmp_path):
    (tmp_path / "talk.txt").write_text("Ann: Hello.\nflite/rms: Bye.\n")
    output = str(tmp_path / "talk.mp3")
    result = voicebox("dialogue", str(tmp_path / "talk.txt"), "--as", "Ann=flite/slt", "--gap", "1", "-o", output)
    assert result.exit_code == 0, result.output
    request = cast("tts_pb2.StreamDialogueRequest", platform.requested["StreamDialogue"][0])
    assert [(turn.voice.voice, turn.text) for turn in request.turns] == [("flite/slt", "Hello."), ("flite/rms", "Bye.")]
    assert request.gap.seconds == 1


def test_the_command_names_what_is_wrong(voicebox, tmp_path):
    (tmp_path / "talk.txt").write_text("Hello.\n")
    assert "Line 1" in voicebox("dialogue", str(tmp_path / "talk.txt")).output
    assert "NAME=VOICE" in voicebox("dialogue", str(tmp_path / "talk.txt"), "--as", "Ann").output
