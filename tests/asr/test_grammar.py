"""Grammars: nothing but their sentences is recognised, and none of them can harm the recogniser."""

import contextlib
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from voicebox.asr.v1 import asr_pb2
from voicebox_asr.engine import SAMPLE_RATE_HZ, Hypothesis, Jsgf, Options, Phrases, Samples, Segment
from voicebox_asr.engines.pocketsphinx.engine import PocketsphinxEngine
from voicebox_asr.engines.pocketsphinx.grammar import searched
from voicebox_kit.errors import InvalidField

from .conftest import wav

HEAD = "#JSGF V1.0;\ngrammar commands;\n"
COMMANDS = Jsgf(
    HEAD
    + "public <command> = (turn | switch) (on | off) the <thing> | open the window;\n"
    + "<thing> = light | radio | heating; // things\n"
)

Say = Callable[..., Samples]


@pytest.fixture(scope="module")
def say() -> Say:
    """say(text, voice="slt"): synthetic speech at 16 kHz between silences of 0.5 s."""
    from voicebox_tts.engine import Style
    from voicebox_tts.engines.flite.engine import FliteEngine

    tts = FliteEngine()
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)

    @cache
    def say(text: str, voice: str = "slt") -> Samples:
        session = tts.open(voice, Style(), 1)
        pieces = [piece.samples for piece in session.speak(text)]
        session.close()
        return np.concatenate([pause, *pieces, pause])

    return say


@pytest.fixture(scope="module")
def engine() -> Iterator[PocketsphinxEngine]:
    engine = PocketsphinxEngine()
    engine.load()
    yield engine
    engine.unload()


def recognise(engine: PocketsphinxEngine, grammar: Jsgf | Phrases, samples: Samples) -> Hypothesis:
    session = engine.open(Options(grammar=grammar))
    try:
        session.begin(samples)
        for start in range(0, samples.size, SAMPLE_RATE_HZ // 2):
            session.feed(samples[start : start + SAMPLE_RATE_HZ // 2])
        return session.end()
    finally:
        session.close()


def test_it_is_reported_that_grammars_can_be_had(engine: PocketsphinxEngine) -> None:
    assert engine.capabilities.grammars


@pytest.mark.parametrize("voice", ["slt", "rms", "kal16"])
@pytest.mark.parametrize("command", ["turn on the light", "switch off the heating", "open the window"])
def test_commands_are_recognised_to_the_word_with_their_times(
    engine: PocketsphinxEngine, say: Say, voice: str, command: str
) -> None:
    speech = say(command, voice)
    recognised = recognise(engine, COMMANDS, speech)
    assert recognised.text == command
    assert [word.text for word in recognised.words] == command.split()
    times = [time for word in recognised.words for time in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times)
    assert times[0] > 0.3
    assert times[-1] < speech.size / SAMPLE_RATE_HZ - 0.3


@pytest.mark.parametrize("voice", ["slt", "kal16"])
@pytest.mark.parametrize(
    "sentence", ["The weather is very nice today.", "Please call my mother.", "Open the door.", "Yes."]
)
def test_what_is_not_in_the_grammar_is_not_recognised(
    engine: PocketsphinxEngine, say: Say, voice: str, sentence: str
) -> None:
    assert recognise(engine, COMMANDS, say(sentence, voice)) == Hypothesis("", None, (), "en-US")


def test_half_a_command_is_none(engine: PocketsphinxEngine, say: Say) -> None:
    assert recognise(engine, COMMANDS, say("turn on")).text == ""


def test_whatever_is_said_all_that_is_recognised_is_in_the_grammar(engine: PocketsphinxEngine, say: Say) -> None:
    sentences = {
        f"{verb} {way} the {thing}"
        for verb in ("turn", "switch")
        for way in ("on", "off")
        for thing in ("light", "radio", "heating")
    }
    for spoken_text in (
        "turn on the oven",
        "switch on the lamp",
        "turn off the kettle",
        "close the window",
        "what a beautiful morning it is",
    ):
        assert recognise(engine, COMMANDS, say(spoken_text)).text in {*sentences, "open the window", ""}


def test_noise_and_silence_are_no_commands(engine: PocketsphinxEngine) -> None:
    noise = np.random.default_rng(1).standard_normal(2 * SAMPLE_RATE_HZ).astype(np.float32) * np.float32(0.1)
    for samples in (noise, np.zeros(SAMPLE_RATE_HZ, np.float32), np.zeros(0, np.float32)):
        assert recognise(engine, COMMANDS, samples).words == ()


def test_phrases_are_recognised_as_they_are_written(engine: PocketsphinxEngine, say: Say) -> None:
    phrases = Phrases(("Open the e-mail, please!", "What's the weather?", "Good-bye"))
    assert recognise(engine, phrases, say("What's the weather")).text == "What's the weather"
    assert recognise(engine, phrases, say("open the email please")).text == "Open the e mail please"
    assert recognise(engine, phrases, say("the radio is too loud")).text == ""


def test_interims_hold_nothing_but_the_grammar(engine: PocketsphinxEngine, say: Say) -> None:
    for text in ("turn on the light", "I would like to buy two apples"):
        session = engine.open(Options(grammar=COMMANDS))
        speech = say(text)
        session.begin(speech)
        for start in range(0, speech.size, 1600):
            session.feed(speech[start : start + 1600])
            assert set(session.interim().text.split()) <= set(
                "turn switch on off the light radio heating open window".split()
            )
        session.end()
        session.close()


def test_a_file_is_recognised_command_by_command(engine: PocketsphinxEngine, say: Say) -> None:
    spoken_text = ("turn on the radio", "how are you today", "open the window")
    pause = np.zeros(SAMPLE_RATE_HZ, np.float32)
    reader = engine.read(Options(grammar=COMMANDS))
    passages = [
        found
        for text in spoken_text
        for found in reader.process(np.concatenate([say(text), pause]))
        if isinstance(found, Segment)
    ]
    passages += [found for found in reader.finish() if found]
    reader.close()
    assert [passage.hypothesis.text for passage in passages] == [spoken_text[0], spoken_text[2]]


def test_a_grammar_is_one_sessions_own(engine: PocketsphinxEngine, say: Say) -> None:
    recognise(engine, COMMANDS, say("open the window"))
    free = engine.open(Options())
    speech = say("The weather is very nice today.")
    free.begin(speech)
    free.feed(speech)
    assert "weather" in free.end().text
    free.close()


@pytest.mark.parametrize(
    ("grammar", "field", "spoken_text"),
    [
        (Phrases(("open the window", "xyzzyq now")), "config.grammar.phrases.phrases", "'xyzzyq'"),
        (Phrases(("play 42",)), "config.grammar.phrases.phrases", "as they are spoken"),
        (Phrases(("fine", "?!")), "config.grammar.phrases.phrases[1]", "no word"),
        (Jsgf(HEAD + "public <a> = open | \u00f6ffne;"), "config.grammar.jsgf", "'\u00f6ffne'"),
        (Jsgf(""), "config.grammar.jsgf", "begins with"),
        (Jsgf("#JSGF V1.0;\npublic <a> = open;"), "config.grammar.jsgf", "no name"),
        (Jsgf(HEAD + "<a> = open;"), "config.grammar.jsgf", "no public rule"),
        (Jsgf(HEAD + "public <a> = (open"), "config.grammar.jsgf", "syntax error"),
        (Jsgf(HEAD + "public <a> = open\0;"), "config.grammar.jsgf", "syntax error"),
        (Jsgf(HEAD + "public <a> = open; /* never"), "config.grammar.jsgf", "cannot be parsed"),
        (Jsgf(HEAD + "public <a> = open | <b>;"), "config.grammar.jsgf", "Undefined rule"),
        (Jsgf(HEAD + "public <a> = <a> open | open;"), "config.grammar.jsgf", "right-recursion"),
        (Jsgf(HEAD + "import <other.rule>;\npublic <a> = open;"), "config.grammar.jsgf", "cannot import"),
    ],
)
def test_what_is_wrong_with_a_grammar_is_reported(
    engine: PocketsphinxEngine, grammar: Jsgf | Phrases, field: str, spoken_text: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        engine.open(Options(grammar=grammar))
    assert caught.value.field == field
    assert spoken_text in caught.value.sentence


@pytest.mark.parametrize(
    "rules",
    [
        "public <a> = " + "(" * 9_000 + "open" + ")" * 9_000 + ";",
        "public <a> = <b0>;" + "".join(f"<b{n}> = <b{n + 1}> <b{n + 1}>;" for n in range(30)) + "<b30> = open;",
    ],
    ids=["deep", "exponential"],
)
def test_a_grammar_that_grows_without_end_is_refused(engine: PocketsphinxEngine, say: Say, rules: str) -> None:
    with pytest.raises(InvalidField) as caught:
        engine.open(Options(grammar=Jsgf(HEAD + rules)))
    assert caught.value.reason == "GRAMMAR_BROKEN"
    assert recognise(engine, COMMANDS, say("open the window")).text == "open the window"


def test_an_import_that_hides_itself_opens_no_file(
    engine: PocketsphinxEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.gram").write_text("#JSGF V1.0;\ngrammar secret;\npublic <word> = close;")
    monkeypatch.setenv("JSGF_PATH", str(tmp_path))
    fresh = PocketsphinxEngine()
    try:
        with pytest.raises(InvalidField, match="secret"):
            fresh.open(Options(grammar=Jsgf(HEAD + "{ import <secret.word>;} public <a> = open | <secret.word>;")))
    finally:
        fresh.unload()


def test_scrambled_grammars_are_refused_or_used(engine: PocketsphinxEngine, say: Say) -> None:
    """Forty of them, by one seed: none ends or hangs the decoder."""
    draw = random.Random(4)
    pieces = [
        "<a>",
        "<b>",
        "open",
        "the",
        "(",
        ")",
        "[",
        "]",
        "|",
        "*",
        "+",
        ";",
        "=",
        "{x}",
        "/0.5/",
        "public",
        '"',
        "\\",
        "//",
        "import",
        "\n",
    ]
    for _ in range(40):
        rules = "public <a> = " + " ".join(draw.choices(pieces, k=draw.randrange(1, 12))) + ";\n<b> = close;"
        with contextlib.suppress(InvalidField):
            engine.open(Options(grammar=Jsgf(HEAD + rules))).close()
    assert recognise(engine, COMMANDS, say("open the window")).text == "open the window"


def test_five_hundred_phrases_are_no_burden(engine: PocketsphinxEngine, say: Say) -> None:
    words = "open close turn on off the light radio window door red green blue".split()
    draw = random.Random(1)
    phrases = tuple(" ".join(draw.choices(words, k=12)) for _ in range(499))
    assert recognise(engine, Phrases((*phrases, "open the window")), say("open the window")).text == "open the window"


async def test_commands_over_grpc(stub: Any, say: Say) -> None:
    phrases = asr_pb2.Grammar(phrases=asr_pb2.PhraseList(phrases=["open the window", "close the door"]))
    config = asr_pb2.RecognitionConfig(grammar=phrases, word_offsets=True)
    pause = np.zeros(SAMPLE_RATE_HZ, np.float32)
    sound = np.concatenate([say("close the door"), pause, say("how are you today"), pause, say("open the window")])
    answer = await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(sound)))
    assert [utterance.transcript for utterance in answer.utterances] == ["close the door", "open the window"]
    assert [word.word for word in answer.utterances[0].words] == ["close", "the", "door"]
    assert not answer.utterances[0].HasField("confidence")


async def test_commands_in_a_stream(stub: Any, say: Say) -> None:
    config = asr_pb2.RecognitionConfig(grammar=asr_pb2.Grammar(jsgf=COMMANDS.text))
    messages = [
        asr_pb2.StreamingRecognizeRequest(config=asr_pb2.StreamingConfig(recognition=config)),
        asr_pb2.StreamingRecognizeRequest(
            audio=wav(np.concatenate([say("turn off the radio"), np.zeros(SAMPLE_RATE_HZ, np.float32)]))
        ),
    ]
    events = [event async for event in stub.StreamingRecognize(iter(messages))]
    assert [event.final.transcript for event in events if event.HasField("final")] == ["turn off the radio"]


async def test_a_broken_grammar_is_an_invalid_argument(stub: Any, say: Say) -> None:
    config = asr_pb2.RecognitionConfig(grammar=asr_pb2.Grammar(jsgf=HEAD + "public <a> = (open"))
    with pytest.raises(grpc.aio.AioRpcError, match="syntax error") as caught:
        await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(say("open"))))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_every_public_rule_may_be_said() -> None:
    jsgf = searched(
        Jsgf(HEAD + "public <a> = open; // public <no> = x;\n/* public <never> = y; */ <b> = z; public <c> = close;")
    )
    assert "(<a> | <c>)" in jsgf
