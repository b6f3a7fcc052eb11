"""What only asks for better results, or names what other servers have, is ignored and named in the trailing
metadata.
"""

import pytest

from tests.support.hearing import TEXT, WER, word_error_rate

from .conftest import in_base64, in_chunks, sound_of, text_of

PCM = {"encoding": "LINEAR_PCM", "sample_rate_hertz": 16_000, "language_code": "en-US"}
IGNORED, WARNED = "x-voicebox-ignored", "x-voicebox-warnings"


def recognized(sdk, speech_wav, config, *, streamed):
    """The results, and what was ignored."""
    if streamed:
        chunks = [{"audio_content": chunk} for chunk in in_chunks(speech_wav)]
        reported = sdk.call(
            "stream_with_metadata", requests=[{"streaming_config": {"config": {**PCM, **config}}}, *chunks]
        )
        return [result for each in reported["answer"] for result in each["results"] if result["is_final"]], reported[
            "reported"
        ]
    reported = sdk.call(
        "recognize_with_metadata", request={"config": {**PCM, **config}, "audio": in_base64(speech_wav)}
    )
    return reported["answer"]["results"], reported["reported"]


HINTS = [
    ({"speech_contexts": [{"phrases": ["market"], "boost": 4}]}, "config.speech_contexts"),
    ({"speech_contexts": [{"phrases": ["market"], "boost": -4}]}, "config.speech_contexts"),
    ({"speech_contexts": [{"phrases": [f"word {number}" for number in range(200)]}]}, "config.speech_contexts"),
    ({"custom_configuration": {"apply_partial_itn": "true"}}, "config.custom_configuration.apply_partial_itn"),
    ({"max_alternatives": 5}, "config.max_alternatives"),
    ({"model": "parakeet-1.1b-en-US-asr-streaming"}, "config.model"),
    ({"model": "conformer-en-US-asr-offline-asr-bls-ensemble"}, "config.model"),
]
OF_STREAMS = [
    ({"endpointing_config": {name: value}}, f"config.endpointing_config.{name}")
    for name, value in {
        "start_history": 200,
        "start_threshold": 0.5,
        "stop_history": 10,
        "stop_threshold": 0.98,
        "stop_history_eou": 240,
        "stop_threshold_eou": 0.99,
    }.items()
]
SPEAKERS = {"diarization_config": {"enable_speaker_diarization": True, "max_speaker_count": 2}}
OF_STREAMS.append((SPEAKERS, "config.diarization_config"))


@pytest.mark.parametrize(
    ("config", "field", "streamed"),
    [
        *[(config, field, streamed) for config, field in HINTS for streamed in (False, True)],
        *[(config, field, True) for config, field in OF_STREAMS],
        ({"endpointing_config": {"stop_history_eou": 240}}, "config.endpointing_config", False),
    ],
)
def test_recognition_goes_on_and_names_what_it_ignores(sdk, speech_wav, config, field, streamed):
    results, reported = recognized(sdk, speech_wav, config, streamed=streamed)
    assert reported[IGNORED] == field
    assert word_error_rate(text_of(results)) <= WER


def test_what_is_followed_is_not_named(sdk, speech_wav):
    config = {
        "endpointing_config": {"stop_history": 800},
        "enable_automatic_punctuation": True,
        "custom_configuration": {"task": "transcribe"},
    }
    assert recognized(sdk, speech_wav, config, streamed=True)[1] == {}
    assert recognized(sdk, speech_wav, {}, streamed=False)[1] == {}


def test_pipecats_settings_are_taken(sdk, speech_wav):
    """As its RivaSTTService sends them."""
    config = {
        "max_alternatives": 1,
        "audio_channel_count": 1,
        "enable_automatic_punctuation": False,
        "verbatim_transcripts": False,
        "speech_contexts": [{"phrases": ["family"], "boost": 4.0}],
        "endpointing_config": {
            "start_history": 100,
            "start_threshold": 0.5,
            "stop_history": 500,
            "stop_history_eou": 500,
            "stop_threshold": 0.5,
            "stop_threshold_eou": 0.5,
        },
        "custom_configuration": {"enable_vad_endpointing": "true", "neural_vad.onset": "0.65"},
    }
    results, reported = recognized(sdk, speech_wav, config, streamed=True)
    assert word_error_rate(text_of(results)) <= WER
    assert "config.endpointing_config.stop_history_eou" in reported[IGNORED].split(", ")
    assert "config.endpointing_config.stop_history" not in reported[IGNORED].split(", ")
    assert "config.custom_configuration.neural_vad.onset" in reported[IGNORED].split(", ")


def test_what_is_requested_while_a_stream_runs_is_named_too(sdk, speech_wav):
    chunks = [{"audio_content": chunk, "runtime_config": {"pause": "no"}} for chunk in in_chunks(speech_wav)]
    reported = sdk.call("stream_with_metadata", requests=[{"streaming_config": {"config": PCM}}, *chunks])
    assert reported["reported"][IGNORED] == "runtime_config.pause"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"voice_name": "English-US.Female-1"}, "voice_name"),
        ({"voice_name": "Magpie-Multilingual.EN-US.Aria"}, "voice_name"),
        ({"voice_name": "en-US-Wavenet-D", "language_code": "en-US"}, "voice_name"),
        ({"voice_name": "alloy"}, "voice_name"),
        ({"custom_dictionary": "tomato  təˈmɑːtəʊ"}, "custom_dictionary"),
        ({"custom_configuration": {"exaggeration_factor": "1.5"}}, "custom_configuration.exaggeration_factor"),
        ({"custom_configuration": {"instructions": "Sadly."}}, "custom_configuration.instructions"),
        ({"text": "<speak><prosody volume='loud'>Hello there.</prosody></speak>"}, "text.prosody.volume"),
    ],
)
def test_speech_goes_on_and_names_what_it_ignores(sdk, streamed, given, field):
    request = {"text": "Hello there.", "sample_rate_hz": 16_000, **given}
    reported = (
        sdk.call("speak_with_metadata", requests=[request])
        if streamed
        else sdk.call("synthesize_with_metadata", request=request)
    )
    sound = b"".join(map(sound_of, reported["answer"])) if streamed else sound_of(reported["answer"])
    assert len(sound) > 16_000
    assert reported["reported"][IGNORED] == field


def test_a_stand_in_is_named_and_always_the_same(sdk):
    request = {"text": TEXT, "voice_name": "Magpie-Multilingual.EN-US.Mia"}
    one, other = (sdk.call("synthesize_with_metadata", request=request) for _ in range(2))
    assert one["reported"][WARNED] == other["reported"][WARNED]
    assert "Magpie-Multilingual.EN-US.Mia" in one["reported"][WARNED]
    assert "flite/" in one["reported"][WARNED]


def test_a_prompt_is_the_voice_also_beside_a_voice(sdk, speech_wav):
    prompt = {"audio_prompt": in_base64(speech_wav), "encoding": "LINEAR_PCM", "sample_rate_hz": 16_000, "quality": 20}
    reported = sdk.call(
        "speak_with_metadata",
        requests=[{"text": "Hello there.", "voice_name": "English-US.Female-1", "zero_shot_data": prompt}],
    )
    assert reported["reported"][IGNORED] == "voice_name"
    assert b"".join(map(sound_of, reported["answer"]))
