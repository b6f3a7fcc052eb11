"""The bridge, as Home Assistant uses it."""

import asyncio
import base64
import wave

import pytest
import trustme
from voicebox_client import Client
from voicebox_client.word_errors import word_error_rate
from voicebox_gateway.wyoming import events
from voicebox_gateway.wyoming.events import Event

from bench.launch import platform
from tests.support.certificates import issue
from tests.support.hearing import WER

from .conftest import TEXT, bridge_to


def order(event, **given):
    return {"event": event, "given": given}


def audio(sound, rate=16_000, width=2, channels=1, chunk_bytes=3200):
    form = {"rate": rate, "width": width, "channels": channels}
    blocks = [sound[at : at + chunk_bytes] for at in range(0, len(sound), chunk_bytes)]
    chunks = [order("AudioChunk", **form, audio=base64.b64encode(block).decode()) for block in blocks]
    return [order("AudioStart", **form), *chunks, order("AudioStop")]


async def test_info_reports_voices_and_models(bridge):
    info = (await bridge.ask(order("Describe"), until="info")).one("info")
    [tts], [asr] = info["tts"], info["asr"]
    assert tts["supports_synthesize_streaming"]
    assert asr["supports_transcript_streaming"]
    assert {"flite/slt", "flite/kal16"} <= {voice["name"] for voice in tts["voices"]}
    assert all(voice["languages"] and voice["installed"] for voice in tts["voices"])
    assert [model["languages"] for model in asr["models"] if "pocketsphinx" in model["name"]] == [["en-US"]]
    assert all(part["attribution"]["name"] and part["version"] for part in (tts, asr))


async def test_ping(bridge):
    assert (await bridge.ask(order("Ping", text="hello"), until="pong")).one("pong") == {"text": "hello"}


@pytest.mark.parametrize("voice", [{}, {"name": "flite/rms"}, {"language": "en"}])
async def test_speech_is_recognised(bridge, voice):
    spoken = await bridge.ask(order("Synthesize", text=TEXT, voice=voice), until="audio-stop")
    assert spoken.types == ["audio-start", "audio-chunk", "audio-stop"]
    form = spoken.one("audio-start")
    recognised = await bridge.ask(order("Transcribe"), *audio(spoken.sound, form["rate"]), until="transcript-stop")
    transcript = recognised.one("transcript")
    assert recognised.types == ["transcript-start", "transcript-chunk", "transcript", "transcript-stop"]
    assert (
        "".join(each["data"]["text"] for each in recognised.events if each["type"] == "transcript-chunk")
        == transcript["text"]
    )
    assert transcript["language"] == "en-US"
    assert word_error_rate(TEXT, transcript["text"]) <= WER


async def test_the_chosen_voice_speaks(bridge):
    """Each has a pace of its own, and with it a length."""
    default, other, again = [
        len((await bridge.ask(order("Synthesize", text=TEXT, voice=voice), until="audio-stop")).sound)
        for voice in ({}, {"name": "flite/rms"}, {"name": "flite/rms"})
    ]
    assert other == again != default


async def test_streamed_text_is_spoken_once_though_the_whole_follows(bridge):
    """Home Assistant sends `synthesize` with all of the text before `synthesize-stop`, for servers that know no
    streams.
    """
    pieces = [TEXT[at : at + 7] for at in range(0, len(TEXT), 7)]
    chunks = [order("SynthesizeChunk", text=piece) for piece in pieces]
    whole = order("Synthesize", text=TEXT)
    spoken = await bridge.ask(
        order("SynthesizeStart"), *chunks, whole, order("SynthesizeStop"), until="synthesize-stopped"
    )
    assert spoken.types == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
    once = await bridge.ask(whole, until="audio-stop")
    assert len(spoken.sound) == pytest.approx(len(once.sound), rel=0.1)


async def test_streamed_text_is_spoken_before_it_ends(bridge):
    """No `synthesize-stop` is ever sent: the first sentence is spoken all the same."""
    chunks = [order("SynthesizeChunk", text=text) for text in ("The ships came home. ", "In the win")]
    spoken = await bridge.ask(order("SynthesizeStart", voice={"name": "flite/slt"}), *chunks, until="audio-chunk")
    assert spoken.types == ["audio-start", "audio-chunk"]


async def test_real_speech_in_the_language_that_home_assistant_names(bridge, speech_data):
    with wave.open(str(speech_data.path("LJ001-0004.wav"))) as file:
        sound, rate = file.readframes(file.getnframes()), file.getframerate()
    recognised = await bridge.ask(order("Transcribe", language="en"), *audio(sound, rate), until="transcript")
    assert word_error_rate(speech_data.transcripts["LJ001-0004.wav"], recognised.one("transcript")["text"]) <= WER


NOTHING = ["", " ", "...", "\u200b", "?!", "\n\n"]


@pytest.mark.parametrize("text", NOTHING)
async def test_a_text_that_has_nothing_to_say_is_silence(bridge, text):
    """Also as a stream."""
    spoken = await bridge.ask(order("Synthesize", text=text), until="audio-stop")
    assert spoken.types == ["audio-start", "audio-chunk", "audio-stop"]
    assert not any(spoken.sound)
    streamed = [order("SynthesizeStart"), order("SynthesizeChunk", text=text), order("SynthesizeStop")]
    spoken = await bridge.ask(*streamed, until="synthesize-stopped")
    assert spoken.types == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
    assert not any(spoken.sound)


async def test_pipers_voices_have_stand_ins(bridge):
    spoken = await bridge.ask(order("Synthesize", text=TEXT, voice={"name": "en_US-lessac-medium"}), until="audio-stop")
    assert spoken.sound
    [warning] = spoken.one("audio-start")["x_voicebox_warnings"]
    assert "en_US-lessac-medium" in warning


async def test_profiles_are_voices(bridge, running, speech_data):
    with Client(running.catalog) as client:
        client.create_profile("Ann", "ann-of-wyoming", language="en_US")
        client.add_sample(
            "profiles/ann-of-wyoming", speech_data.path("LJ001-0004.wav"), speech_data.transcripts["LJ001-0004.wav"]
        )
    info = (await bridge.ask(order("Describe"), until="info")).one("info")
    [ann] = [voice for voice in info["tts"][0]["voices"] if voice["name"] == "profiles/ann-of-wyoming"]
    assert (ann["description"], ann["languages"], ann["installed"]) == ("Ann", ["en-US"], True)
    assert (await bridge.ask(order("Synthesize", text=TEXT, voice={"name": ann["name"]}), until="audio-stop")).sound


async def test_info_goes_on_without_the_catalog(running, python):
    async with bridge_to(running, python, CATALOG_ADDRESS="127.0.0.1:1") as bridge:
        info = (await bridge.ask(order("Describe"), until="info")).one("info")
        assert {"flite/slt"} <= {voice["name"] for voice in info["tts"][0]["voices"]}


async def test_silence_is_an_empty_transcript(bridge):
    recognised = await bridge.ask(*audio(bytes(32_000)), until="transcript-stop")
    assert recognised.types == ["transcript-start", "transcript", "transcript-stop"]
    assert recognised.one("transcript")["text"] == ""


async def test_two_peers_at_once(bridge):
    """One is in the middle of a conversation while the other has its answer, and ends it afterwards."""
    reader, writer = await asyncio.open_connection(*bridge.address)
    writer.write(events.write(Event("synthesize-start")))
    writer.write(events.write(Event("synthesize-chunk", {"text": "The ships came home. And"})))
    assert (await events.read(reader)).type == "audio-start"
    other = await bridge.ask(order("Synthesize", text=TEXT), until="audio-stop")
    assert other.types == ["audio-start", "audio-chunk", "audio-stop"]
    writer.write(events.write(Event("synthesize-stop")))
    types = [(await events.read(reader)).type]
    while types[-1] != "synthesize-stopped":
        types.append((await events.read(reader)).type)
    assert set(types) == {"audio-chunk", "audio-stop", "synthesize-stopped"}
    writer.close()


async def test_a_second_request_on_the_connection_is_answered_after_the_first(bridge):
    twice = [order("Synthesize", text=text) for text in ("One.", "Two.")]
    spoken = await bridge.ask(*twice, order("Transcribe"), *audio(bytes(3200)), until="transcript-stop")
    assert spoken.types == [
        *["audio-start", "audio-chunk", "audio-stop"] * 2,
        *["transcript-start", "transcript", "transcript-stop"],
    ]


BAD = {
    "unknown voice": ([order("Synthesize", text="Hi.", voice={"name": "flite/nobody"})], "NOT_FOUND", "nobody"),
    "unknown voice of a stream": (
        [order("SynthesizeStart", voice={"name": "flite/nobody"}), *[order("SynthesizeChunk", text="Hi. ")] * 50],
        "NOT_FOUND",
        "nobody",
    ),
    "a language that nobody speaks": (
        [order("Synthesize", text="Hi.", voice={"language": "tlh"})],
        "VOICE_NOT_FOUND",
        "tlh",
    ),
    "speaker": (
        [order("Synthesize", text="Hi.", voice={"name": "flite/slt", "speaker": "2"})],
        "INVALID_FIELD",
        "speaker",
    ),
    "markup": ([order("Synthesize", text="<speak/>", text_format="ssml")], "INVALID_FIELD", "text_format"),
    "24 bits": (audio(bytes(4800), width=3), "INVALID_FIELD", "width"),
    "44 Hz": (audio(bytes(4800), rate=44), "INVALID_FIELD", "rate"),
    "nine channels": (audio(bytes(4800), channels=9), "INVALID_FIELD", "channels"),
    "another rate within": (
        [order("AudioStart", rate=8000, width=2, channels=1), *audio(bytes(320))[1:]],
        "INVALID_FIELD",
        "audio-start",
    ),
    "unknown model": ([order("Transcribe", name="models/nobody/none"), *audio(bytes(320_000))], "NOT_FOUND", "nobody"),
    "sound before its start": (audio(bytes(320))[1:], "OUT_OF_ORDER", "after audio-start"),
    "text before its start": ([order("SynthesizeChunk", text="Hi.")], "OUT_OF_ORDER", "after synthesize-start"),
    "stop before start": ([order("SynthesizeStop")], "OUT_OF_ORDER", "after synthesize-start"),
    "two starts": ([order("SynthesizeStart"), order("SynthesizeStart")], "OUT_OF_ORDER", "synthesize-stop"),
    "speech within sound": ([*audio(b"")[:1], order("Synthesize", text="Hi.")], "OUT_OF_ORDER", "audio-stop"),
}


@pytest.mark.parametrize(("orders", "code", "word"), BAD.values(), ids=BAD)
async def test_what_is_wrong_is_reported(bridge, orders, code, word):
    reported = (await bridge.ask(*orders, until="never")).one("error")
    assert code in reported["code"] or code in reported["text"]
    assert word in reported["text"]


async def test_a_service_that_is_unavailable_is_reported(running, python):
    async with bridge_to(running, python, TTS_ADDRESS="127.0.0.1:1") as bridge:
        reported = (await bridge.ask(order("Synthesize", text="Hi."), until="never")).one("error")
        assert reported["code"] == "UNAVAILABLE"
        info = (await bridge.ask(order("Describe"), until="info")).one("info")
        assert set(info) == {"asr"}


async def test_the_services_are_called_by_tls(python, tmp_path):
    folder = issue(trustme.CA(), tmp_path / "tls")
    by_tls = {"VOICEBOX_TLS_FOLDER": str(folder)}
    with platform(tmp_path / "var", ("catalog", "tts", "asr"), **by_tls) as closed:
        async with bridge_to(closed, python, **by_tls) as bridge:
            info = (await bridge.ask(order("Describe"), until="info")).one("info")
        assert {"flite/slt"} <= {voice["name"] for voice in info["tts"][0]["voices"]}
