"""Texts are prepared for the engine, and what is not said is a warning, in every method that speaks."""

import grpc
import numpy as np
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_tts.app import open_service

PCM = {"encoding": tts_pb2.AUDIO_ENCODING_PCM_S16LE}
UNSAYABLE = {"flite": "Hello 你 there \U000f0000 now.", "espeak": "Hello \U000f0000 there."}
NAMED = {"flite": ("你 (U+4F60)", "U+F0000"), "espeak": ("U+F0000",)}


@pytest.fixture
async def tts(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    return tts_pb2_grpc.TextToSpeechServiceStub(running.channel)


async def whole(tts, text, voice):
    request = tts_pb2.SynthesizeRequest(text=text, config=tts_pb2.SynthesisConfig(voice={"voice": voice}, seed=1))
    return list((await tts.Synthesize(request)).finished.warnings)


async def streamed(tts, text, voice):
    request = tts_pb2.StreamSynthesizeRequest(text=text, config=tts_pb2.SynthesisConfig(voice={"voice": voice}, seed=1))
    return list([event async for event in tts.StreamSynthesize(request)][-1].finished.warnings)


async def played(tts, text, voice):
    call = tts.PlaySpeech(
        tts_pb2.PlaySpeechRequest(text=text, config=tts_pb2.SynthesisConfig(voice={"voice": voice}, seed=1))
    )
    async for _ in call:
        pass
    metadata = [(key, value) for key, value in await call.trailing_metadata()]
    assert any(key == "x-request-id" for key, _ in metadata)
    return [value.encode().decode("unicode_escape") for key, value in metadata if key == "x-voicebox-warning"]


async def conversed(tts, text, voice):
    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(
            config=tts_pb2.ConverseConfig(synthesis=tts_pb2.SynthesisConfig(voice={"voice": voice}, seed=1))
        )
        for character in text:
            yield tts_pb2.ConverseSynthesizeRequest(text=character)

    return list([event async for event in tts.ConverseSynthesize(requests())][-1].finished.warnings)


@pytest.mark.parametrize("way", [whole, streamed, played, conversed])
@pytest.mark.parametrize("engine", ["flite", "espeak"])
async def test_what_an_engine_cannot_say_is_a_warning_in_every_way(tts, catalog, way, engine):
    voice = {"flite": "flite/slt", "espeak": "espeak/en-us"}[engine]
    [warning] = await way(tts, UNSAYABLE[engine], voice)
    assert all(name in warning for name in NAMED[engine])
    assert await way(tts, "Plain words, 5 µg & 20 %.", voice) == []
    assert {tuple(generation.warnings) for generation, _ in catalog.records.values()} == {(warning,), ()}


@pytest.mark.parametrize("text", ["p\u0430ypal", "Москва is a city.", "the word λόγος", "ΑΒΓ"])
@pytest.mark.parametrize("way", [whole, streamed, played, conversed])
async def test_letters_of_another_script_that_are_spoken_by_latin_ones_are_a_warning(tts, way, text):
    [warning] = await way(tts, text, "flite/slt")
    assert "by Latin letters" in warning
    assert all(f"{letter} (U+" in warning for letter in text if ord(letter) > 0x36F)


@pytest.mark.parametrize("text", ["café naïve Łódź", "5 µg", "an α particle", "ﬁne"])
async def test_accents_and_lone_greek_letters_are_read_as_they_are_meant(tts, text):
    assert await whole(tts, text, "flite/slt") == []


async def test_a_text_of_which_nothing_can_be_said_is_refused_by_name(tts):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await whole(tts, "你好", "flite/slt")
    assert "你 (U+4F60), 好 (U+597D)" in str(refused.value.details())


async def audio(tts, text, **fields):
    request = tts_pb2.SynthesizeRequest(
        text=text, config=tts_pb2.SynthesisConfig(audio=PCM, seed=1, store=False, **fields)
    )
    return np.frombuffer((await tts.Synthesize(request)).audio, np.int16)


SAME = [
    ("Dr. Smith is here.", "Doctor Smith is here.", "Drive. Smith is here."),
    ("wor\u00adld", "world", "wor ld"),
    ("It is \u22125 now.", "It is minus 5 now.", "It is 5 now."),
    ("Take 5 \u00b5g.", "Take 5 micrograms.", "Take 5 g."),
    ("It costs \u20ac20.", "It costs 20 euros.", "It costs euros 20."),
    ("**Good** morning.", "Good morning.", "* Good * morning."),
]


@pytest.mark.parametrize(("written", "spoken", "wrong"), SAME)
@pytest.mark.parametrize("voice", ["flite/slt", "espeak/en-us"])
async def test_written_text_becomes_what_a_person_would_say(tts, written, spoken, wrong, voice):
    heard, expected, other = [await audio(tts, text, voice={"voice": voice}) for text in (written, spoken, wrong)]
    np.testing.assert_array_equal(heard, expected)
    assert len(heard) != len(other) or (heard != other).any()


async def test_verbatim_gives_the_engine_the_text_as_it_is(tts):
    prepared, verbatim, written_out = [
        await audio(tts, text, verbatim=verbatim, voice={"voice": "espeak/en-us"})
        for text, verbatim in (("20 km & 5 kg", False), ("20 km & 5 kg", True), ("20 kilometers and 5 kilograms", True))
    ]
    assert len(prepared) != len(verbatim)
    np.testing.assert_array_equal(prepared, written_out)


async def test_flite_knows_titles_by_itself(tts):
    """Also where the text is given as it is written: its second cut into sentences knows what the first knows."""
    title, drive = [await audio(tts, text, verbatim=True) for text in ("Dr. Smith is here.", "Drive. Smith is here.")]
    assert len(title) != len(drive) or (title != drive).any()


async def test_lines_are_apart(tts):
    lines, run_on = [await audio(tts, text) for text in ("Apples\nBananas\nOranges", "Apples Bananas Oranges")]
    assert len(lines) > len(run_on) + 2_000
