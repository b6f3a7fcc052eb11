"""The language of each sentence, and who speaks it."""

import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_tts.app import open_service
from voicebox_tts.job import BuiltIn, VoiceOverride
from voicebox_tts.text.detection import LanguageDetector
from voicebox_tts.text.directions import Directed, Mark, Passage, Pause

from tests.support.aio import aio_stub

SPOKEN = ["en-US", "de", "fr-FR", "es", "it", "ja"]


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector()


def found(detector: LanguageDetector, *directions, spoken=SPOKEN) -> list[tuple[str, str]]:
    directed = detector.in_languages(Directed(directions), spoken)
    return [(each.override.language, each.text) for each in directed.directions if isinstance(each, Passage)]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The meeting is at noon, and everybody will be there.", "en"),
        ("Das Treffen ist um zwölf, und alle werden dort sein.", "de"),
        ("La réunion est à midi, et tout le monde sera là.", "fr"),
        ("La reunión es al mediodía y todos estarán allí.", "es"),
        ("La riunione è a mezzogiorno e ci saranno tutti.", "it"),
        ("これはテストです。", "ja"),
        ("42.", "en"),
    ],
)
def test_a_text_is_in_one_of_the_languages_that_are_spoken(detector, text, language):
    assert found(detector, Passage(text)) == [(language, text)]


@pytest.mark.unit
def test_a_text_is_cut_where_the_language_changes_and_short_sentences_go_with_the_one_before(detector):
    text = "I met her in Berlin last year. Really. Sie hat mir von ihrer Arbeit erzählt. Ja. Then she went home again."
    assert found(detector, Passage(text)) == [
        ("en", "I met her in Berlin last year.\nReally."),
        ("de", "Sie hat mir von ihrer Arbeit erzählt.\nJa."),
        ("en", "Then she went home again."),
    ]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Привет, как дела?", [("ru", "Привет, как дела?")]),
        ("Да.", [("ru", "Да.")]),
        ("Γεια σου.", [("el", "Γεια σου.")]),
        ("שלום", [("he", "שלום")]),
        ("你好！How are you today? 我很好。", [("zh", "你好！"), ("en", "How are you today?"), ("zh", "我很好。")]),
        ("はい。", [("ja", "はい。")]),
        ("네.", [("ko", "네.")]),
        ("He said да, and left the house.", [("en", "He said да, and left the house.")]),
        ("Ω α β", [("en", "Ω α β")]),
        ("Ｈｅｌｌｏ 𝐛𝐨𝐥𝐝", [("en", "Ｈｅｌｌｏ 𝐛𝐨𝐥𝐝")]),
    ],
)
def test_a_short_sentence_is_in_a_language_of_its_script(detector, text, expected):
    spoken = ["en-US", "de", "bg", "be", "mk", "ru", "sr", "tt", "uk", "el", "he", "zh", "yue", "ja", "ko"]
    assert found(detector, Passage(text), spoken=spoken) == expected


@pytest.mark.unit
def test_a_script_in_which_nobody_speaks_goes_with_the_sentence_before(detector):
    assert found(detector, Passage("Привет."), spoken=["en-US", "de"]) == [("en", "Привет.")]


@pytest.mark.unit
def test_a_language_that_nobody_speaks_is_never_chosen(detector):
    text = "Das Treffen ist um zwölf, und alle werden dort sein."
    assert found(detector, Passage(text), spoken=["en-US", "ja"])[0][0] in ("en", "ja")
    assert found(detector, Passage(text), spoken=[]) == [("", text)]


@pytest.mark.unit
def test_what_says_its_voice_or_language_stays_as_it_is(detector):
    german = "Das Treffen ist um zwölf, und alle werden dort sein."
    own = (
        Passage(german, VoiceOverride(BuiltIn("flite/slt"))),
        Pause(1.0),
        Mark("m"),
        Passage(german, VoiceOverride(language="fr")),
    )
    assert detector.in_languages(Directed(own), SPOKEN).directions == own


async def test_the_answer_says_who_speaks_which_sentence(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    text = "The meeting is at noon. Das Treffen ist um zwölf, und alle werden dort sein."
    for voice in ("", "flite/rms"):
        config = tts_pb2.SynthesisConfig(
            voice=tts_pb2.VoiceSelection(voice=voice), style=tts_pb2.SpeakingStyle(language="auto"), store=False
        )
        whole = await tts.Synthesize(tts_pb2.SynthesizeRequest(text=text, config=config))
        assert [speaker.language for speaker in whole.speakers] == ["en", "de"]
        assert whole.speakers[0].voice == (voice or "flite/slt")
        assert whole.speakers[1].voice.startswith("espeak/")
        assert whole.started.language == "en"
        told = [warning for warning in whole.finished.warnings if "does not speak de" in warning]
        assert bool(told) is bool(voice)
