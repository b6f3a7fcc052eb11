"""Errors are Google's own classes, with a sentence on what to do and the field by Google's name."""

import pytest

from .conftest import ENGLISH, EXPLICIT, LINEAR16, RECOGNIZER, in_base64, in_chunks

VOICE = {"language_code": "en-US"}
WAV = {"audio_encoding": "LINEAR16"}
STEREO = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "audio_channel_count": 9}


def is_refused(reported, field):
    """As INVALID_ARGUMENT, and the sentence names the field."""
    assert (reported["class"], reported["field"]) == ("InvalidArgument", field)
    assert field.rpartition(".")[2] in reported["message"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"input": {}}, "input.text"),
        ({"input": {"text": "x" * 10_001}}, "input.text"),
        (
            {"input": {"multi_speaker_markup": {"turns": [{"speaker": "R", "text": "Hello."}]}}},
            "input.multi_speaker_markup",
        ),
        ({"input": {"ssml": "<speak>Hello."}}, "input.ssml"),
        ({"input": {"ssml": "Hello."}}, "input.ssml"),
        ({"voice": {"language_code": "tlh"}}, "voice.language_code"),
        ({"voice": {"language_code": "no language"}}, "voice.language_code"),
        ({"voice": {"name": "flite/slt", "language_code": "de-DE"}}, "voice.language_code"),
        ({"voice": {"name": "profiles/No Body"}}, "voice.name"),
        ({"voice": {**VOICE, "voice_clone": {"voice_cloning_key": "x"}}}, "voice.voice_clone"),
        ({"voice": {**VOICE, "custom_voice": {"model": "x"}}}, "voice.custom_voice"),
        ({"voice": {**VOICE, "multi_speaker_voice_config": {}}}, "voice.multi_speaker_voice_config"),
        ({"audio_config": {}}, "audio_config.audio_encoding"),
        ({"audio_config": {"audio_encoding": 4}}, "audio_config.audio_encoding"),
        ({"audio_config": {**WAV, "sample_rate_hertz": 7_999}}, "audio_config.sample_rate_hertz"),
        ({"audio_config": {**WAV, "sample_rate_hertz": -1}}, "audio_config.sample_rate_hertz"),
        (
            {"audio_config": {"audio_encoding": "OGG_OPUS", "sample_rate_hertz": 44_100}},
            "audio_config.sample_rate_hertz",
        ),
        ({"audio_config": {**WAV, "speaking_rate": 9}}, "audio_config.speaking_rate"),
        ({"audio_config": {**WAV, "speaking_rate": -1}}, "audio_config.speaking_rate"),
        ({"audio_config": {**WAV, "pitch": 20}}, "audio_config.pitch"),
        ({"audio_config": {**WAV, "volume_gain_db": 17}}, "audio_config.volume_gain_db"),
        ({"advanced_voice_options": {"enable_textnorm": False}}, "advanced_voice_options.enable_textnorm"),
    ],
)
def test_what_cannot_be_spoken_is_named(sdk, given, field):
    request = {"input": {"text": "Hello."}, "voice": VOICE, "audio_config": WAV, **given}
    is_refused(sdk.refused("synthesize", request=request), field)


@pytest.mark.parametrize("name", ["flite/nobody", "nobody"])
def test_the_error_about_an_unknown_voice_names_those_that_there_are(sdk, name):
    request = {"input": {"text": "Hello."}, "voice": {"name": name, **VOICE}, "audio_config": WAV}
    reported = sdk.refused("synthesize", request=request)
    assert reported["class"] == "NotFound"
    assert repr(name) in reported["message"]
    assert "flite/slt" in reported["message"]


def test_an_unknown_profile_is_not_found(sdk):
    request = {"input": {"text": "Hello."}, "voice": {"name": "profiles/nobody"}, "audio_config": WAV}
    assert sdk.refused("synthesize", request=request)["class"] == "NotFound"


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([{"input": {"text": "Hello."}}], "streaming_config"),
        ([{"streaming_config": {"voice": VOICE}}, {"streaming_config": {"voice": VOICE}}], "streaming_config"),
        ([{"streaming_config": {"voice": VOICE}}], "input.text"),
        ([{"streaming_config": {"voice": {"language_code": "tlh"}}}], "streaming_config.voice.language_code"),
        (
            [{"streaming_config": {"voice": VOICE, "streaming_audio_config": {"audio_encoding": "MP3"}}}],
            "streaming_config.streaming_audio_config.audio_encoding",
        ),
        (
            [
                {
                    "streaming_config": {
                        "voice": VOICE,
                        "streaming_audio_config": {"audio_encoding": "PCM", "speaking_rate": 9},
                    }
                }
            ],
            "streaming_config.streaming_audio_config.speaking_rate",
        ),
    ],
)
def test_what_cannot_be_streamed_is_named(sdk, requests, field):
    is_refused(sdk.refused("stream_speech", requests=requests), field)


CONFIGS_V1 = [
    ({"encoding": "AMR"}, "encoding"),
    ({"encoding": "SPEEX_WITH_HEADER_BYTE"}, "encoding"),
    ({"encoding": 77}, "encoding"),
    ({"sample_rate_hertz": 0}, "sample_rate_hertz"),
    ({"sample_rate_hertz": 100}, "sample_rate_hertz"),
    ({"audio_channel_count": 9}, "audio_channel_count"),
    ({"language_code": "de-DE"}, "language_code"),
    ({"alternative_language_codes": ["de-DE"]}, "alternative_language_codes"),
    ({"max_alternatives": 31}, "max_alternatives"),
    ({"max_alternatives": -1}, "max_alternatives"),
    ({"profanity_filter": True}, "profanity_filter"),
    ({"enable_spoken_punctuation": True}, "enable_spoken_punctuation"),
    ({"enable_spoken_emojis": True}, "enable_spoken_emojis"),
    ({"transcript_normalization": {"entries": [{"search": "a", "replace": "b"}]}}, "transcript_normalization"),
    ({"speech_contexts": [{"phrases": ["market"], "boost": -1}]}, "speech_contexts"),
    ({"adaptation": {"phrase_sets": [{"phrases": [{"value": "market", "boost": -1}]}]}}, "adaptation.phrase_sets"),
    (
        {"adaptation": {"phrase_set_references": ["projects/a/locations/b/phraseSets/c"]}},
        "adaptation.phrase_set_references",
    ),
    ({"adaptation": {"custom_classes": [{"custom_class_id": "c"}]}}, "adaptation.custom_classes"),
    ({"adaptation": {"abnf_grammar": {"abnf_strings": ["#ABNF 1.0"]}}}, "adaptation.abnf_grammar"),
    (
        {"diarization_config": {"enable_speaker_diarization": True, "max_speaker_count": 21}},
        "diarization_config.max_speaker_count",
    ),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("given", "name"), CONFIGS_V1)
def test_what_v1_cannot_recognise_is_named(sdk, samples, streamed, given, name):
    config = {**LINEAR16, **given}
    if streamed:
        reported = sdk.refused("stream_v1", config={"config": config}, audio=in_chunks(samples[:32_000]))
    else:
        reported = sdk.refused(
            "recognize_v1", request={"config": config, "audio": {"content": in_base64(samples[:32_000])}}
        )
    is_refused(reported, f"streaming_config.config.{name}" if streamed else f"config.{name}")


@pytest.mark.parametrize(("given", "name"), CONFIGS_V1)
def test_a_long_recording_is_refused_before_it_begins(sdk, samples, given, name):
    request = {"config": {**LINEAR16, **given}, "audio": {"content": in_base64(samples[:32_000])}}
    is_refused(sdk.refused("begin_v1", request=request), f"config.{name}")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"explicit_decoding_config": {"encoding": "AMR_WB"}}, "explicit_decoding_config.encoding"),
        ({"explicit_decoding_config": {"encoding": "LINEAR16"}}, "explicit_decoding_config.sample_rate_hertz"),
        ({"explicit_decoding_config": STEREO}, "explicit_decoding_config.audio_channel_count"),
        ({"language_codes": ["tlh"]}, "language_codes"),
        ({"language_codes": ["en-US", "de-DE"]}, "language_codes"),
        ({"features": {"profanity_filter": True}}, "features.profanity_filter"),
        ({"features": {"enable_spoken_punctuation": True}}, "features.enable_spoken_punctuation"),
        ({"features": {"enable_spoken_emojis": True}}, "features.enable_spoken_emojis"),
        ({"features": {"max_alternatives": 31}}, "features.max_alternatives"),
        (
            {"features": {"custom_prompt_config": {"custom_prompt": "A story."}}},
            "features.custom_prompt_config.custom_prompt",
        ),
        ({"transcript_normalization": {"entries": [{"search": "a"}]}}, "transcript_normalization"),
        ({"denoiser_config": {"denoise_audio": True}}, "denoiser_config"),
        ({"translation_config": {"target_language": "de"}}, "translation_config.target_language"),
        ({"translation_config": {"target_language": "en"}}, "translation_config"),
        (
            {"adaptation": {"phrase_sets": [{"phrase_set": "projects/a/locations/b/phraseSets/c"}]}},
            "adaptation.phrase_sets",
        ),
        ({"adaptation": {"custom_classes": [{"items": [{"value": "x"}]}]}}, "adaptation.custom_classes"),
    ],
)
def test_what_v2_cannot_recognise_is_named(sdk, samples, given, name):
    config, audio = {**EXPLICIT, "language_codes": ["en-US"], **given}, in_base64(samples[:32_000])
    is_refused(
        sdk.refused("recognize_v2", request={"recognizer": RECOGNIZER, "config": config, "content": audio}),
        f"config.{name}",
    )
    streaming = {"recognizer": RECOGNIZER, "streaming_config": {"config": config}}
    is_refused(sdk.refused("stream_v2", requests=[streaming, {"audio": audio}]), f"streaming_config.config.{name}")


def test_a_mask_of_fields_that_there_are_not_is_named(sdk):
    request = {
        "recognizer": RECOGNIZER,
        "config": ENGLISH,
        "config_mask": "nonsense",
        "content": in_base64(bytes(3200)),
    }
    is_refused(sdk.refused("recognize_v2", request=request), "config_mask")


@pytest.mark.parametrize(
    ("streaming", "field"),
    [
        ({"voice_activity_timeout": {"speech_end_timeout": "1s"}}, "streaming_config.voice_activity_timeout"),
        (
            {"config": {**LINEAR16, "diarization_config": {"enable_speaker_diarization": True}}},
            "streaming_config.config.diarization_config",
        ),
    ],
)
def test_what_cannot_be_in_a_stream_is_named(sdk, samples, streaming, field):
    reported = sdk.refused("stream_v1", config={"config": LINEAR16, **streaming}, audio=in_chunks(samples[:32_000]))
    is_refused(reported, field)


def test_v2_has_no_timeouts_of_silence(sdk):
    features = {"voice_activity_timeout": {"speech_end_timeout": "1s"}}
    first = {"recognizer": RECOGNIZER, "streaming_config": {"config": ENGLISH, "streaming_features": features}}
    is_refused(sdk.refused("stream_v2", requests=[first]), "streaming_config.streaming_features.voice_activity_timeout")


CONFIG = {"streaming_config": {"config": LINEAR16}}


@pytest.mark.parametrize("requests", [[{"audio_content": in_base64(bytes(3200))}], [CONFIG, CONFIG], []])
def test_a_stream_of_v1_keeps_its_order(sdk, requests):
    is_refused(sdk.refused("stream_v1_raw", requests=requests), "streaming_config")


CONFIG_V2 = {"recognizer": RECOGNIZER, "streaming_config": {"config": ENGLISH}}


@pytest.mark.parametrize("requests", [[{"audio": in_base64(bytes(3200))}], [CONFIG_V2, CONFIG_V2]])
def test_a_stream_of_v2_keeps_its_order(sdk, requests):
    is_refused(sdk.refused("stream_v2", requests=requests), "streaming_config")


@pytest.mark.parametrize("audio", [b"", b"nonsense" * 500, b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(500)])
def test_what_is_no_audio_is_refused(sdk, audio):
    is_refused(
        sdk.refused("recognize_v1", request={"config": {}, "audio": {"content": in_base64(audio)}}), "audio.content"
    )
    is_refused(sdk.refused("recognize_v2", request={"recognizer": RECOGNIZER, "content": in_base64(audio)}), "content")


def test_nothing_is_fetched_and_nothing_put_elsewhere(sdk, speech_wav):
    elsewhere = {"uri": "gs://bucket/sound.wav"}
    for method in ("recognize_v1", "begin_v1"):
        reported = sdk.refused(method, request={"config": LINEAR16, "audio": elsewhere})
        is_refused(reported, "audio.uri")
        assert "audio.content" in reported["message"]
    is_refused(sdk.refused("recognize_v2", request={"recognizer": RECOGNIZER, "config": ENGLISH, **elsewhere}), "uri")
    reported = sdk.refused("batch_v2", request={"recognizer": RECOGNIZER, "config": ENGLISH, "files": [elsewhere]})
    is_refused(reported, "files.uri")
    assert "data:audio/wav;base64," in reported["message"]
    audio, output = {"content": in_base64(speech_wav)}, {"gcs_uri": "gs://bucket/text.json"}
    is_refused(
        sdk.refused("begin_v1", request={"config": LINEAR16, "audio": audio, "output_config": output}),
        "output_config.gcs_uri",
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"files": []}, "files"),
        ({"files": [{"uri": "data:audio/wav;base64,!"}]}, "files.uri"),
        ({"files": [{"uri": "data:audio/wav;base64,AAAA"}] * 16}, "files"),
        (
            {"recognition_output_config": {"gcs_output_config": {"uri": "gs://b"}}},
            "recognition_output_config.gcs_output_config",
        ),
        (
            {"recognition_output_config": {"output_format_config": {"srt": {}}}},
            "recognition_output_config.output_format_config.srt",
        ),
        ({"config": {"language_codes": ["tlh"]}}, "config.language_codes"),
        (
            {"files": [{"uri": "data:;base64,AAAA", "config": {"features": {"profanity_filter": True}}}]},
            "files.config.features.profanity_filter",
        ),
    ],
)
def test_what_is_no_batch_is_named(sdk, given, field):
    request = {"recognizer": RECOGNIZER, "config": ENGLISH, "files": [{"uri": "data:audio/wav;base64,AAAA"}], **given}
    is_refused(sdk.refused("batch_v2", request=request), field)


def test_the_error_about_an_unknown_model_names_those_that_there_are(sdk, speech_wav):
    reported = sdk.refused(
        "recognize_v1",
        request={"config": {**LINEAR16, "model": "medical_dictation"}, "audio": {"content": in_base64(speech_wav)}},
    )
    assert reported["class"] == "NotFound"
    assert "'medical_dictation'" in reported["message"]
    assert "pocketsphinx/en-us" in reported["message"]


@pytest.mark.parametrize("recognizer", ["projects/a/locations/b/recognizers/mine", "recognizers/_", ""])
def test_there_is_one_recognizer(sdk, recognizer):
    reported = sdk.refused(
        "recognize_v2", request={"recognizer": recognizer, "config": ENGLISH, "content": in_base64(bytes(3200))}
    )
    assert reported["class"] == "NotFound"
    assert "recognizers/_" in reported["message"]


PARENT = "projects/a/locations/b"


@pytest.mark.parametrize(
    ("method", "request_fields"),
    [
        ("create_recognizer", {"parent": PARENT, "recognizer_id": "c"}),
        ("list_recognizers", {"parent": PARENT}),
        ("get_recognizer", {"name": RECOGNIZER}),
        ("update_recognizer", {"recognizer": {"name": RECOGNIZER}}),
        ("delete_recognizer", {"name": RECOGNIZER}),
        ("undelete_recognizer", {"name": RECOGNIZER}),
        ("get_config", {"name": f"{PARENT}/config"}),
        ("update_config", {"config": {"name": f"{PARENT}/config"}}),
        ("create_custom_class", {"parent": PARENT}),
        ("list_custom_classes", {"parent": PARENT}),
        ("get_custom_class", {"name": f"{PARENT}/customClasses/c"}),
        ("update_custom_class", {"custom_class": {"name": f"{PARENT}/customClasses/c"}}),
        ("delete_custom_class", {"name": f"{PARENT}/customClasses/c"}),
        ("undelete_custom_class", {"name": f"{PARENT}/customClasses/c"}),
        ("create_phrase_set", {"parent": PARENT}),
        ("list_phrase_sets", {"parent": PARENT}),
        ("get_phrase_set", {"name": f"{PARENT}/phraseSets/c"}),
        ("update_phrase_set", {"phrase_set": {"name": f"{PARENT}/phraseSets/c"}}),
        ("delete_phrase_set", {"name": f"{PARENT}/phraseSets/c"}),
        ("undelete_phrase_set", {"name": f"{PARENT}/phraseSets/c"}),
    ],
)
def test_nothing_is_kept_for_later_requests(sdk, method, request_fields):
    reported = sdk.refused("administer", method=method, request=request_fields)
    assert (reported["class"], reported["reason"]) == ("MethodNotImplemented", "RESOURCES_NOT_KEPT")
    assert "recognizers/_" in reported["message"]
