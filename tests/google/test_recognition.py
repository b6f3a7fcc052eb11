"""Speech v1 and v2 as Google's SDK calls them."""

import pytest

from tests.support.hearing import WER, word_error_rate

from .conftest import (
    ENGLISH,
    EXPLICIT,
    LINEAR16,
    RECOGNIZER,
    finals,
    in_base64,
    in_chunks,
    text_of,
)

SILENCE = in_chunks(bytes(2 * 32_000))
"""2 s: more than ends an utterance."""


def seconds(duration):
    return float(duration.removesuffix("s"))


def kinds_of(responses):
    return [response["speech_event_type"] for response in responses if "speech_event_type" in response]


def v1(sdk, audio, **config):
    return sdk.call("recognize_v1", request={"config": {**LINEAR16, **config}, "audio": {"content": in_base64(audio)}})[
        "results"
    ]


def v2(sdk, audio, config=ENGLISH, **request):
    requested = {"recognizer": RECOGNIZER, "config": config, "content": in_base64(audio), **request}
    return sdk.call("recognize_v2", request=requested)["results"]


@pytest.mark.parametrize("name", ["speech_wav", "samples"])
def test_a_recording_is_recognised_with_and_without_its_header(sdk, name, request):
    results = v1(sdk, request.getfixturevalue(name))
    assert word_error_rate(text_of(results)) <= WER
    ends = [seconds(result["result_end_time"]) for result in results]
    assert ends == sorted(ends)
    assert all(result["language_code"] == "en-US" for result in results)
    assert "words" not in results[0]["alternatives"][0]
    assert "channel_tag" not in results[0]


def test_a_wav_file_needs_no_encoding(sdk, speech_wav):
    request = {"config": {"language_code": "en-US"}, "audio": {"content": in_base64(speech_wav)}}
    assert word_error_rate(text_of(sdk.call("recognize_v1", request=request)["results"])) <= WER


@pytest.mark.parametrize("encoding", ["MULAW", "ALAW"])
def test_telephone_audio_is_recognised(sdk, samples, encoding):
    codes = telephone(samples, encoding)
    assert (
        word_error_rate(text_of(v1(sdk, codes, encoding="MULAW") if encoding == "MULAW" else v2(sdk, codes, alaw())))
        <= WER
    )


def alaw():
    decoding = {"encoding": "ALAW", "sample_rate_hertz": 16_000, "audio_channel_count": 1}
    return {"explicit_decoding_config": decoding, "language_codes": ["en-US"]}


def telephone(samples, encoding):
    """G.711 by a table of our decoder turned round: the code whose value is nearest."""
    import numpy as np
    from voicebox_audio.g711 import alaw_to_s16le, mulaw_to_s16le

    decode = {"MULAW": mulaw_to_s16le, "ALAW": alaw_to_s16le}[encoding]
    values = np.frombuffer(decode(bytes(range(256))), "<i2").astype(int)
    order = np.argsort(values)
    nearest = np.searchsorted((values[order][1:] + values[order][:-1]) / 2, np.frombuffer(samples, "<i2"))
    return order[nearest].astype(np.uint8).tobytes()


def test_words_have_the_details_that_were_requested(sdk, speech_wav):
    words = [
        word
        for result in v1(sdk, speech_wav, enable_word_time_offsets=True)
        for word in result["alternatives"][0]["words"]
    ]
    assert word_error_rate(" ".join(word["word"] for word in words)) <= WER
    starts = [seconds(word.get("start_time", "0s")) for word in words]
    assert starts == sorted(starts)
    assert 2 < starts[-1] < seconds(words[-1]["end_time"]) < len(speech_wav) / 32_000
    assert not any("confidence" in word for word in words)
    confident = [
        word
        for result in v1(sdk, speech_wav, enable_word_confidence=True)
        for word in result["alternatives"][0]["words"]
    ]
    assert any(0 < word["confidence"] <= 1 for word in confident)
    assert not any("end_time" in word for word in confident)


def test_the_last_result_has_the_speaker_of_each_word(sdk, speech_wav):
    speakers = {"enable_speaker_diarization": True, "min_speaker_count": 1, "max_speaker_count": 2}
    last = v1(sdk, speech_wav, diarization_config=speakers)[-1]["alternatives"][0]["words"]
    assert word_error_rate(" ".join(word["word"] for word in last)) <= WER
    assert {(word["speaker_tag"], word["speaker_label"]) for word in last} <= {(1, "1"), (2, "2")}
    features = {"diarization_config": {"min_speaker_count": 1, "max_speaker_count": 2}}
    words = [
        word
        for result in v2(sdk, speech_wav, {**ENGLISH, "features": features})
        for word in result["alternatives"][0]["words"]
    ]
    assert {word["speaker_label"] for word in words} <= {"1", "2"}


def test_channels_are_distinguished(sdk, samples):
    stereo = b"".join(samples[at : at + 2] + b"\0\0" for at in range(0, len(samples), 2))
    results = v1(sdk, stereo, audio_channel_count=2, enable_separate_recognition_per_channel=True)
    assert {result["channel_tag"] for result in results} == {1}
    assert word_error_rate(text_of(results)) <= WER
    decoding = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "audio_channel_count": 2}
    separate = {"multi_channel_mode": "SEPARATE_RECOGNITION_PER_CHANNEL"}
    config = {"explicit_decoding_config": decoding, "language_codes": ["en-US"], "features": separate}
    assert {result["channel_tag"] for result in v2(sdk, stereo, config)} == {1}


@pytest.mark.parametrize("model", ["", "default", "latest_long", "video", "pocketsphinx/en-us"])
def test_googles_models_mean_ours(sdk, speech_wav, model):
    assert v1(sdk, speech_wav, model=model, use_enhanced=True, enable_automatic_punctuation=True, max_alternatives=3)


@pytest.mark.parametrize(
    "config", [ENGLISH, {**EXPLICIT, "language_codes": ["en-US"], "model": "chirp_2"}, {"language_codes": ["auto"]}]
)
def test_v2_recognises_recordings(sdk, speech_wav, config):
    results = v2(sdk, speech_wav, config)
    assert word_error_rate(text_of(results)) <= WER
    assert seconds(results[-1]["result_end_offset"]) < len(speech_wav) / 32_000


def test_v2_heeds_a_mask(sdk, speech_wav):
    config = {**ENGLISH, "features": {"enable_word_time_offsets": True}, "model": "nova"}
    results = v2(sdk, speech_wav, config, config_mask="languageCodes,features.enableWordTimeOffsets")
    assert "end_offset" in results[0]["alternatives"][0]["words"][0]


def test_v1_streams(sdk, samples):
    streaming = {
        "config": {**LINEAR16, "enable_word_time_offsets": True},
        "interim_results": True,
        "enable_voice_activity_events": True,
    }
    responses = sdk.call("stream_v1", config=streaming, audio=in_chunks(samples))
    reported = finals(responses)
    assert word_error_rate(text_of(reported)) <= WER
    assert all(result["alternatives"][0]["words"] for result in reported)
    interims = [
        result for response in responses for result in response.get("results", ()) if not result.get("is_final")
    ]
    assert interims
    assert all(0 < result["stability"] < 1 for result in interims)
    assert kinds_of(responses)[0] == "SPEECH_ACTIVITY_BEGIN"
    assert kinds_of(responses).count("SPEECH_ACTIVITY_BEGIN") == kinds_of(responses).count("SPEECH_ACTIVITY_END")


def test_v1_returns_no_more_than_is_requested(sdk, speech_wav):
    responses = sdk.call("stream_v1", config={"config": LINEAR16}, audio=in_chunks(speech_wav, 7_001))
    assert all(result["is_final"] for response in responses for result in response["results"])
    assert word_error_rate(text_of(finals(responses))) <= WER


def test_a_single_utterance_ends_the_stream(sdk, samples):
    audio = in_chunks(samples) + SILENCE + in_chunks(samples) + SILENCE
    responses = sdk.call("stream_v1_open", config={"config": LINEAR16, "single_utterance": True}, audio=audio)
    assert kinds_of(responses) == ["END_OF_SINGLE_UTTERANCE"]
    assert len(finals(responses)) == 1
    assert responses[-1]["results"][0]["is_final"]


@pytest.mark.parametrize(("config", "name"), [(EXPLICIT, "samples"), ({"auto_decoding_config": {}}, "speech_wav")])
def test_v2_streams(sdk, config, name, request):
    features = {
        "interim_results": True,
        "enable_voice_activity_events": True,
        "endpointing_sensitivity": "ENDPOINTING_SENSITIVITY_SHORT",
    }
    streaming = {"config": {**config, "language_codes": ["en-US"]}, "streaming_features": features}
    chunks = [{"audio": chunk} for chunk in in_chunks(request.getfixturevalue(name))]
    responses = sdk.call("stream_v2", requests=[{"recognizer": RECOGNIZER, "streaming_config": streaming}, *chunks])
    assert word_error_rate(text_of(finals(responses))) <= WER
    assert kinds_of(responses)[0] == "SPEECH_ACTIVITY_BEGIN"
    assert any(not result.get("is_final") for response in responses for result in response.get("results", ()))


def test_people_are_understood(sdk, speech_data):
    spoken = {
        name: text
        for name, text in speech_data.transcripts.items()
        if name in ("LJ001-0002.wav", "LJ001-0004.wav", "LJ001-0008.wav")
    }
    recognised = " ".join(text_of(v2(sdk, speech_data.path(name).read_bytes())) for name in spoken)
    assert word_error_rate(recognised, " ".join(spoken.values())) <= WER
