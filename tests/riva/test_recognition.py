"""ASRService, as the SDK's users call it: what tts speaks is recognised."""

import io

import numpy as np
import pytest
import soundfile
from voicebox_asr.engines.ge2e.encoder import Ge2e
from voicebox_audio.encoding.encoder import wav_header

from tests.support.hearing import TEXT, WER, word_error_rate

from .conftest import in_base64, in_chunks, text_of

RATE_HZ = 16_000
SILENCE = bytes(2 * RATE_HZ * 2)
PCM = {"encoding": "LINEAR_PCM", "sample_rate_hertz": RATE_HZ, "language_code": "en-US"}


def wav(samples: bytes, channels: int = 1) -> bytes:
    file = io.BytesIO()
    frames = np.repeat(np.frombuffer(samples, "<i2")[:, None], channels, axis=1)
    soundfile.write(file, frames, RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def law(samples: bytes, subtype: str) -> bytes:
    """Telephone sound: headerless, at the same rate."""
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(samples, "<i2"), RATE_HZ, format="RAW", subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "config"),
    [
        (bytes, PCM),
        (bytes, {"sample_rate_hertz": RATE_HZ}),
        (bytes, {**PCM, "audio_channel_count": 1, "max_alternatives": 3, "verbatim_transcripts": True}),
        (wav, {}),
        (wav, PCM),
        (wav, {"sample_rate_hertz": 8_000, "enable_automatic_punctuation": True}),
        (lambda samples: law(samples, "ULAW"), {**PCM, "encoding": "MULAW"}),
        (lambda samples: law(samples, "ALAW"), {**PCM, "encoding": "ALAW"}),
    ],
)
def test_speech_is_recognised(sdk, speech_wav, make, config):
    recognised = sdk.call("recognize", audio=in_base64(make(speech_wav)), config=config)
    assert word_error_rate(text_of(recognised["results"])) <= WER


@pytest.mark.parametrize(("encoding", "name"), [(2, "FLAC"), (4, "OGGOPUS")])
def test_files_of_the_other_half_are_recognised(sdk, encoding, name):
    audio = in_base64(sdk.speech(text=TEXT, voice_name="flite/slt", encoding=encoding))
    recognised = sdk.call("recognize", audio=audio, config={"encoding": name, "sample_rate_hertz": 22_050})
    assert word_error_rate(text_of(recognised["results"])) <= WER


@pytest.mark.parametrize("encoding", ["LINEAR_PCM", "MULAW"])
@pytest.mark.parametrize("size", [7, 3200, 100_000])
def test_a_stream_is_recognised_however_it_is_cut(sdk, speech_wav, encoding, size):
    sound = speech_wav if encoding == "LINEAR_PCM" else law(speech_wav, "ULAW")
    chunks = in_chunks(sound[: 40 * size] if size == 7 else sound, size)
    responses = sdk.call("stream", chunks=chunks, config={"config": {**PCM, "encoding": encoding}})
    results = [result for response in responses for result in response["results"]]
    assert all(result["is_final"] for result in results)
    if size > 7:
        assert word_error_rate(text_of(results)) <= WER


def test_interims_come_before_their_final(sdk, speech_wav):
    responses = sdk.call("stream", chunks=in_chunks(speech_wav), config={"config": PCM, "interim_results": True})
    results = [result for response in responses for result in response["results"]]
    interims = [result for result in results if not result.get("is_final")]
    assert interims
    assert results[-1]["is_final"]
    assert all(0.1 - 1e-6 <= result["stability"] <= 0.9 + 1e-6 for result in interims)
    assert max(result["stability"] for result in interims) > 0.1
    recognised = [result["audio_processed"] for result in interims]
    assert recognised == sorted(recognised)
    assert word_error_rate(text_of([result for result in results if result.get("is_final")])) <= WER


@pytest.mark.parametrize("given", [{}, {"endpointing_config": {"stop_history": 1000}}])
def test_finals_come_while_the_stream_is_open(sdk, speech_wav, given):
    responses = sdk.call(
        "stream_until_final", chunks=in_chunks(speech_wav + SILENCE), config={"config": {**PCM, **given}}
    )
    assert any(result["is_final"] for response in responses for result in response["results"])


def test_a_longer_pause_is_waited_for(sdk, speech_wav):
    """Two seconds of silence end two utterances by default, and none of 4 s do."""
    counts = []
    for given in ({}, {"endpointing_config": {"stop_history": 4000}}):
        responses = sdk.call(
            "stream", chunks=in_chunks(speech_wav + SILENCE + speech_wav), config={"config": {**PCM, **given}}
        )
        counts.append(sum(len(response["results"]) for response in responses))
    assert counts[0] >= 2
    assert counts[1] == 1


def test_an_utterance_can_be_ended_by_force(sdk, speech_wav):
    """The sound ends within a word, and the stream stays open."""
    responses = sdk.call(
        "stream_until_final",
        chunks=in_chunks(speech_wav[: 2 * RATE_HZ * 2]),
        config={"config": {**PCM, "endpointing_config": {"stop_history": 5000}}},
        force_end=True,
    )
    assert any(result["is_final"] for response in responses for result in response["results"])


@pytest.mark.parametrize("streamed", [False, True])
def test_words_have_their_times(sdk, speech_wav, streamed):
    config = {**PCM, "enable_word_time_offsets": True}
    if streamed:
        responses = sdk.call("stream", chunks=in_chunks(speech_wav), config={"config": config})
        results = [result for response in responses for result in response["results"]]
    else:
        results = sdk.call("recognize", audio=in_base64(speech_wav), config=config)["results"]
    words = [word for result in results for word in result["alternatives"][0]["words"]]
    assert " ".join(word["word"] for word in words) == text_of(results).strip()
    times = [time for word in words for time in (word.get("start_time", 0), word["end_time"])]
    assert times == sorted(times)
    assert 1000 < times[-1] <= 1000 * len(speech_wav) / 2 / RATE_HZ
    assert all(0 < word["confidence"] <= 1 for word in words)
    assert {code for result in results for code in result["alternatives"][0]["language_code"]} == {"en-US"}


def test_words_are_not_reported_unrequested(sdk, speech_wav):
    results = sdk.call("recognize", audio=in_base64(speech_wav), config=PCM)["results"]
    assert all("words" not in result["alternatives"][0] for result in results)


def test_channels_are_recognised_apart(sdk, speech_wav):
    silent = np.zeros_like(np.frombuffer(speech_wav, "<i2"))
    stereo = np.stack([silent, np.frombuffer(speech_wav, "<i2")], axis=1).tobytes()
    config = {**PCM, "audio_channel_count": 2, "enable_separate_recognition_per_channel": True}
    results = sdk.call("recognize", audio=in_base64(stereo), config=config)["results"]
    assert {result["channel_tag"] for result in results} == {2}
    assert word_error_rate(text_of(results)) <= WER


def test_speakers_are_numbered(sdk, speech_wav):
    """Each word has its speaker, also without its times."""
    assert not Ge2e().missing
    other = sdk.speech(text=TEXT, voice_name="flite/rms", sample_rate_hz=RATE_HZ)
    config = {**PCM, "diarization_config": {"enable_speaker_diarization": True, "max_speaker_count": 2}}
    results = sdk.call("recognize", audio=in_base64(speech_wav + SILENCE + other), config=config)["results"]
    words = [word for result in results for word in result["alternatives"][0]["words"]]
    tags = [word["speaker_tag"] for word in words]
    assert set(tags) == {1, 2}
    assert tags == sorted(tags)
    assert not any("end_time" in word for word in words)


def test_the_requests_id_comes_back(sdk, speech_wav):
    assert sdk.call("recognize", audio=in_base64(speech_wav), config=PCM, request_id="mine")["id"] == {"value": "mine"}
    requests = [
        {"streaming_config": {"config": PCM}, "id": {"value": "mine"}},
        {"audio_content": in_base64(speech_wav)},
    ]
    assert {response["id"]["value"] for response in sdk.call("stream_raw", requests=requests)} == {"mine"}


def test_silence_says_nothing(sdk):
    assert "results" not in sdk.call("recognize", audio=in_base64(SILENCE), config=PCM)
    assert sdk.call("stream", chunks=in_chunks(SILENCE), config={"config": PCM}) == []


def test_a_stream_without_audio_is_empty(sdk):
    assert sdk.call("stream", chunks=[], config={"config": PCM}) == []


def test_nvidias_script_prints_what_was_said(sdk, speech_wav, tmp_path):
    """transcribe_file.py sends the file with its header, and names no encoding and no rate."""
    path = tmp_path / "said.wav"
    path.write_bytes(wav_header(RATE_HZ, len(speech_wav) // 2) + speech_wav)
    config = {
        "config": {"language_code": "en-US", "max_alternatives": 1, "verbatim_transcripts": True},
        "interim_results": True,
    }
    printed = sdk.call("transcribe_file", path=str(path), config=config).splitlines()
    finals = [line.removeprefix("##") for line in printed if line.startswith("##")]
    assert any(line.startswith(">>") for line in printed)
    assert word_error_rate(" ".join(finals)) <= WER


def test_models_are_listed_as_nvidias_scripts_read_them(sdk):
    configs = sdk.call("models")["model_config"]
    assert {config["parameters"]["type"] for config in configs} == {"online", "offline"}
    assert {"pocketsphinx/en-us"} <= {config["model_name"] for config in configs}
    assert all(config["parameters"]["language_code"] for config in configs)
    assert len(sdk.call("models", model="pocketsphinx/en-us")["model_config"]) == 2


@pytest.mark.parametrize("name", ["pocketsphinx/en-us", "models/pocketsphinx/en-us"])
def test_a_model_is_found_by_its_name(sdk, speech_wav, name):
    assert (
        word_error_rate(
            text_of(sdk.call("recognize", audio=in_base64(speech_wav), config={**PCM, "model": name})["results"])
        )
        <= WER
    )
