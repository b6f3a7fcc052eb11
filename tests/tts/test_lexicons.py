"""Texts are read with the lexicons that a request or a profile names."""

import grpc
import pytest
import soundfile
import soxr
from prometheus_client import CollectorRegistry
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_tts.app import open_service
from voicebox_tts.lexicons.resolver import LexiconResolver
from voicebox_tts.peers.catalog import StoredLexicon

from .test_servicer import field_of, reason_of

FLITE, ESPEAK = "flite/slt", "espeak/en-us"
ANN = (("x-voicebox-principal", "ann"),)


@pytest.fixture
async def tts(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    return tts_pb2_grpc.TextToSpeechServiceStub(running.channel)


async def explained(tts, text="", voice=FLITE, lexicons=("lexicons/names",), ssml="", metadata=None, **config):
    how = tts_pb2.SynthesisConfig(voice={"voice": voice} if voice else None, lexicons=lexicons, **config)
    request = tts_pb2.ExplainSpeechRequest(text=text, ssml=ssml, config=how)
    return await tts.ExplainSpeech(request, metadata=metadata)


def replaced(answer):
    return [
        (each.offset, each.written, each.alias or f"/{each.phoneme}/", each.lexicon)
        for sentence in answer.sentences
        for each in sentence.replacements
    ]


async def test_an_alias_is_read_in_place_of_a_word(tts, catalog):
    catalog.add_lexicon(GIF="jiff", Smith="Smyth")
    answer = await explained(tts, "A gif costs $5, Dr. Smith! No GIFs.")
    assert [sentence.spoken for sentence in answer.sentences] == ["A jiff costs 5 dollars, Doctor Smyth!", "No GIFs."]
    assert answer.sentences[0].text == "A gif costs $5, Dr. Smith!"
    assert replaced(answer) == [(2, "gif", "jiff", "lexicons/names"), (20, "Smith", "Smyth", "lexicons/names")]
    assert (answer.sentences[0].voice, answer.sentences[0].language) == (FLITE, "en-US")
    assert not answer.warnings


async def test_what_an_alias_says_is_written_out(tts, catalog):
    catalog.add_lexicon(fee="$5", GmbH="company & co")
    answer = await explained(tts, "The fee of a GmbH.")
    assert answer.sentences[0].spoken == "The 5 dollars of a company and co."
    answer = await explained(tts, "The fee of a GmbH.", verbatim=True)
    assert answer.sentences[0].spoken == "The $5 of a company & co."


async def test_phonemes_are_followed_where_the_engine_takes_them(tts, catalog):
    catalog.add_lexicon(GIF="/dʒˈɪf/")
    answer = await explained(tts, "We saw a GIF today.", ESPEAK)
    assert "dʒˈɪf" in answer.sentences[0].phonemes
    assert answer.sentences[0].spoken == "We saw a GIF today."
    assert replaced(answer) == [(9, "GIF", "/dʒˈɪf/", "lexicons/names")]
    assert "dʒ" not in (await explained(tts, "We saw a GIF today.", ESPEAK, ())).sentences[0].phonemes


async def test_phonemes_that_an_engine_does_not_take_are_a_warning_that_names_the_word(tts, catalog):
    lexicon = catalog.add_lexicon(GIF="/dʒˈɪf/", SQL="/siːkwəl/")
    lexicon.entries[1].alias = "sequel"
    answer = await explained(tts, "A GIF of SQL.")
    assert answer.sentences[0].spoken == "A GIF of sequel."
    (warning,) = answer.warnings
    assert "'GIF', 'SQL'" in warning
    events = await spoken(tts, "A GIF of SQL.")
    assert list(events[-1].finished.warnings) == [warning]


async def spoken(tts, text, voice=FLITE, lexicons=("lexicons/names",), ssml="", **config):
    how = tts_pb2.SynthesisConfig(voice={"voice": voice}, lexicons=lexicons, seed=1, **config)
    request = tts_pb2.StreamSynthesizeRequest(text=text, ssml=ssml, config=how)
    return [event async for event in tts.StreamSynthesize(request)]


def words(events):
    return [word.word for event in events for word in event.chunk.words]


async def test_every_method_reads_with_lexicons(tts, catalog):
    catalog.add_lexicon(GIF="little picture")
    config = tts_pb2.SynthesisConfig(voice={"voice": FLITE}, lexicons=["lexicons/names"])
    assert words(await spoken(tts, "A GIF.")) == ["a", "little", "picture"]
    whole = await tts.Synthesize(tts_pb2.SynthesizeRequest(text="A GIF.", config=config))
    assert [word.word for word in whole.words] == ["a", "little", "picture"]
    turns = [tts_pb2.DialogueTurn(text="A GIF.")]
    dialogue = tts.StreamDialogue(tts_pb2.StreamDialogueRequest(turns=turns, config=config))
    assert words([event async for event in dialogue]) == ["a", "little", "picture"]

    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig(synthesis=config))
        for piece in ("A G", "IF", "."):
            yield tts_pb2.ConverseSynthesizeRequest(text=piece)

    assert words([event async for event in tts.ConverseSynthesize(requests())]) == ["a", "little", "picture"]
    generation, _ = next(iter(catalog.records.values()))
    assert (generation.text, generation.parameters["lexicons"]) == ("A GIF.", "lexicons/names")


async def test_given_phonemes_sound_otherwise_and_are_timed(tts):
    ssml = "<speak>We saw a <phoneme alphabet='{}' ph='{}'>GIF</phoneme> today.</speak>"
    plain = await spoken(tts, "We saw a GIF today.", ESPEAK, ())
    for alphabet, phonemes in (("ipa", "dʒˈɪf"), ("x-sampa", 'dZ"If')):
        events = await spoken(tts, "", ESPEAK, (), ssml.format(alphabet, phonemes))
        assert words(events) == words(plain) == ["We", "saw", "a", "GIF", "today"]
        assert "dʒ" in [each.phoneme for event in events for each in event.chunk.phonemes]
        assert b"".join(event.chunk.audio for event in events) != b"".join(event.chunk.audio for event in plain)
        assert not events[-1].finished.warnings


async def test_phonemes_of_ssml_come_before_a_lexicon(tts, catalog):
    catalog.add_lexicon(GIF="jiff", today="now")
    answer = await explained(tts, voice=ESPEAK, ssml="<speak>a <phoneme ph='ɡɪf'>GIF</phoneme> &amp; GIF today</speak>")
    assert [each[1:] for each in replaced(answer)] == [
        ("GIF", "/ɡɪf/", ""),
        ("GIF", "jiff", "lexicons/names"),
        ("today", "now", "lexicons/names"),
    ]
    assert [each[0] for each in replaced(answer)] == [2, 8, 12]


async def test_the_longest_entry_is_used_and_the_first_lexicon_preferred(tts, catalog):
    catalog.add_lexicon("first", **{"New York": "the big apple", "GIF": "first"})
    catalog.add_lexicon("second", **{"New York City": "Gotham", "GIF": "second"})
    answer = await explained(tts, "New York City, New York, GIF.", lexicons=["lexicons/first", "lexicons/second"])
    assert answer.sentences[0].spoken == "Gotham, the big apple, first."


async def test_each_lexicon_is_used_in_its_language(tts, catalog):
    catalog.add_lexicon("english", **{"GIF": "jiff"})
    catalog.add_lexicon("german", "de", **{"GIF": "Bild"})
    ssml = "<speak>GIF <lang xml:lang='de'>GIF</lang></speak>"
    names = ["lexicons/german", "lexicons/english"]
    answer = await explained(tts, voice="", ssml=ssml, lexicons=names)
    assert [sentence.spoken for sentence in answer.sentences] == ["jiff", "Bild"]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await explained(tts, "GIF", lexicons=names)
    assert (reason_of(caught.value), field_of(caught.value)) == ("LEXICON_LANGUAGE", "config.lexicons")
    assert "lexicons/german" in str(caught.value.details())


async def test_a_lexicon_that_is_not_there_is_an_error_before_any_audio(tts, catalog):
    catalog.add_lexicon(GIF="jiff", owner="ann")
    for call in (explained(tts, "GIF"), spoken(tts, "GIF")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.NOT_FOUND, "LEXICON_NOT_FOUND")
    assert replaced(await explained(tts, "GIF", metadata=ANN))


@pytest.mark.parametrize("names", [["names"], ["lexicons/"], ["lexicons/A b"], [f"lexicons/{n}" for n in range(9)]])
async def test_wrong_names_are_refused(tts, names):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await explained(tts, "GIF", lexicons=names)
    assert (caught.value.code(), field_of(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "config.lexicons")


async def test_entries_are_fetched_when_they_change(tts, catalog):
    lexicon = catalog.add_lexicon(GIF="jiff")
    for _ in range(3):
        assert (await explained(tts, "GIF")).sentences[0].spoken == "jiff"
    assert catalog.lexicons_sent == 1
    lexicon.entries[0].alias, lexicon.etag = "giff", "changed"
    assert (await explained(tts, "GIF")).sentences[0].spoken == "giff"
    assert catalog.lexicons_sent == 2
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    answer = await explained(tts, "GIF")
    assert answer.sentences[0].spoken == "giff"
    assert "lexicons/names is as it was last known" in answer.warnings[0]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await explained(tts, "GIF", lexicons=["lexicons/other"])
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def profile(catalog):
    """A profile that is read with a lexicon."""
    catalog.settings.lexicons.append("lexicons/names")
    return {"profile": "profiles/ann"}


async def test_a_profile_brings_its_lexicons(tts, catalog, profile, speech_pcm):
    catalog.pcm_s16le = speech_pcm
    catalog.add_lexicon(GIF="jiff")
    catalog.add_lexicon("other", GIF="other")

    async def explain(*lexicons):
        config = tts_pb2.SynthesisConfig(voice=profile, lexicons=lexicons, model="models/flite/cmu-us")
        return await tts.ExplainSpeech(tts_pb2.ExplainSpeechRequest(text="GIF", config=config))

    assert (await explain()).sentences[0].spoken == "jiff"
    assert (await explain("lexicons/other")).sentences[0].spoken == "other"
    catalog.lexicons.clear()
    answer = await explain()
    assert answer.sentences[0].spoken == "GIF"
    assert any("lexicons/names" in warning for warning in answer.warnings)


@pytest.fixture(scope="module")
def speech_pcm(speech_data):
    """A recording of a person at 24 kHz."""

    samples, rate = soundfile.read(speech_data.path("LJ001-0002.wav"), dtype="float32")
    return (soxr.resample(samples, rate, 24_000) * 32767).astype("<i2").tobytes()


async def test_a_text_without_lexicons_is_explained_too(tts):
    answer = await explained(tts, "It costs $5... [pause:300ms] Really? 👍", lexicons=())
    assert [sentence.text for sentence in answer.sentences] == ["It costs $5...", "Really?", "👍"]
    assert "5 dollars" in answer.sentences[0].spoken
    assert "thumbs up" in answer.sentences[2].spoken
    assert not answer.warnings
    assert not replaced(answer)
    assert not answer.sentences[0].phonemes


async def test_a_long_text_with_many_entries_is_read(tts, catalog):
    catalog.add_lexicon(**{f"a{'b' * (number % 150)} word{number}": "x" for number in range(3_000)})
    answer = await explained(tts, "abbb word3 and " * 600)
    assert len(replaced(answer)) > 500


async def test_the_largest_lexicon_is_taken(tts, catalog):
    entries = {f"word{number}": "\U00020000" * 160 for number in range(7_000)}
    lexicon = catalog.add_lexicon(**entries)
    assert lexicon.ByteSize() > 4 << 20
    assert replaced(await explained(tts, "A word6999."))[0][1] == "word6999"


def held(lexicons, *names):
    return [lexicons._kept.get(("local", f"lexicons/{name}")) is not None for name in names]


async def test_lexicons_in_memory_are_bounded():
    class Stored:
        async def lexicon(self, name, known_etag, owner, timeout_seconds):
            return StoredLexicon("1", "en", False, (("word", "x" * 96, ""),))

    lexicons = LexiconResolver(Stored(), CollectorRegistry(), max_characters=250)
    for name in ("a", "b", "a", "c"):
        await lexicons.resolve([f"lexicons/{name}"], "local", 1.0)
    assert held(lexicons, "a", "b", "c") == [True, False, True]
