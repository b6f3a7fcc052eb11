"""The asr service as its callers see it, hearing speech that flite makes."""

import asyncio
import io
import time
from urllib.request import urlopen

import grpc
import numpy as np
import pytest
import soundfile
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox.asr.v1.asr_pb2 import RecognitionConfig, StreamingConfig, StreamingRecognizeRequest
from voicebox_asr.app import open_service
from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_audio.pcm import to_s16le

from tests.support.aio import END_OF_STREAM, aio_stub

from .conftest import SENTENCES, silence, wav, word_errors, words

PCM = RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=SAMPLE_RATE_HZ)
SAID = words(" ".join(SENTENCES))


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


async def stream(stub, config: StreamingConfig, *messages: bytes | int) -> list[asr_pb2.StreamingRecognizeResponse]:
    async def requests():
        yield StreamingRecognizeRequest(config=config)
        for message in messages:
            yield StreamingRecognizeRequest(**{"audio" if isinstance(message, bytes) else "control": message})

    return [response async for response in stub.StreamingRecognize(requests())]


def finals(responses: list[asr_pb2.StreamingRecognizeResponse]) -> list[asr_pb2.Hypothesis]:
    return [response.final for response in responses if response.HasField("final")]


async def test_a_file_becomes_text(stub, spoken) -> None:
    response = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken)))
    assert word_errors(SAID, words(response.transcript)) <= 3
    assert len(response.utterances) == 2
    assert response.transcript == " ".join(utterance.transcript for utterance in response.utterances)
    assert (response.language, response.engine, response.model) == ("en-US", "pocketsphinx", "pocketsphinx/en-us")
    assert seconds(response.audio_duration) == pytest.approx(spoken.size / SAMPLE_RATE_HZ, abs=0.01)
    assert 0 < seconds(response.recognition_time) < 60
    assert not response.utterances[0].words


async def test_words_have_times_from_the_files_start(stub, spoken) -> None:
    config = RecognitionConfig(word_offsets=True, language="en")
    response = await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(spoken)))
    recognised = [word for utterance in response.utterances for word in utterance.words]
    assert [word.word for word in recognised] == response.transcript.split()
    times = [time for word in recognised for time in (seconds(word.start_offset), seconds(word.end_offset))]
    assert times == sorted(times)
    assert 0.9 < times[0] < 1.4  # after the second of silence
    assert times[-1] < spoken.size / SAMPLE_RATE_HZ - 0.7
    assert all(0 <= word.confidence <= 1 for word in recognised)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (48_000, 2), (44_100, 8)])
async def test_headerless_audio_of_any_rate_in_odd_pieces(stub, spoken, rate: int, channels: int) -> None:
    import soxr

    samples = np.repeat(soxr.resample(spoken, SAMPLE_RATE_HZ, rate), channels)
    config = RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=rate, channel_count=channels)
    responses = await stream(stub, StreamingConfig(recognition=config), *pieces(to_s16le(samples), 10_001))
    text = " ".join(final.transcript for final in finals(responses))
    assert word_errors(SAID, words(text)) <= (6 if rate == 8000 else 4)
    assert seconds(responses[-1].finished.audio_duration) == pytest.approx(spoken.size / SAMPLE_RATE_HZ, abs=0.01)


async def test_an_upload_in_pieces_is_the_same_file(stub, spoken) -> None:
    whole = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken)))

    async def requests():
        for piece in pieces(wav(spoken), 7_777):
            yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(content_type="audio/wav", data=piece))

    uploaded = await stub.RecognizeUpload(requests())
    assert uploaded.transcript == whole.transcript


async def test_the_config_of_an_upload_counts_in_its_first_message(stub, spoken) -> None:
    data = to_s16le(spoken)

    async def requests():
        yield asr_pb2.RecognizeUploadRequest(config=PCM, audio=HttpBody(data=data[:5]))
        yield asr_pb2.RecognizeUploadRequest(config=RecognitionConfig(language="xx"), audio=HttpBody(data=data[5:]))

    assert word_errors(SAID, words((await stub.RecognizeUpload(requests())).transcript)) <= 3


@pytest.mark.parametrize("headerless", [False, True])
async def test_each_channel_of_a_call_is_recognised_by_itself(stub, spoken, headerless: bool) -> None:
    half = spoken.size // 2
    first, second = spoken[:half], spoken[half:]
    both = np.stack(
        (np.concatenate((first, silence(0.5))), np.concatenate((silence(0.5), second))[: half + 8000]), axis=1
    )
    config = RecognitionConfig(separate_channels=True)
    if headerless:
        config.MergeFrom(PCM)
        config.channel_count = 2
        audio = to_s16le(both.reshape(-1))
    else:
        file = io.BytesIO()
        soundfile.write(file, both, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
        audio = file.getvalue()
    response = await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=audio))
    by_channel = {
        channel: " ".join(each.transcript for each in response.utterances if each.channel == channel)
        for channel in (0, 1, 2)
    }
    assert by_channel[0] == ""
    assert word_errors(words(SENTENCES[0]), words(by_channel[1])) <= 2
    assert word_errors(words(SENTENCES[1]), words(by_channel[2])) <= 3
    starts = [seconds(each.start_offset) for each in response.utterances]
    assert starts == sorted(starts)
    assert seconds(response.audio_duration) == pytest.approx(half / SAMPLE_RATE_HZ + 0.5, abs=0.05)


async def test_nothing_is_left_out_as_silence_when_that_is_requested(stub, spoken) -> None:
    usual = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken)))
    config = RecognitionConfig(voice_activity=asr_pb2.VoiceActivityConfig(off=True))
    everything = await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(spoken)))
    assert seconds(usual.speech_duration) < seconds(usual.audio_duration) - 1.0
    assert seconds(everything.speech_duration) == pytest.approx(seconds(everything.audio_duration), abs=0.1)
    assert len(everything.utterances) == 1


async def test_a_final_comes_while_the_stream_is_open(stub, spoken) -> None:
    call = stub.StreamingRecognize()
    await call.write(StreamingRecognizeRequest(config=StreamingConfig(recognition=PCM, interim_results=True)))
    for piece in pieces(to_s16le(spoken), 6400):
        await call.write(StreamingRecognizeRequest(audio=piece))
    kinds = []
    while kinds.count("final") < 2:  # the client has not closed its side
        response = await call.read()
        kinds.append(response.WhichOneof("event"))
    assert "interim" in kinds
    assert kinds[0] == "speech_event"
    await call.done_writing()
    assert (await call.read()).finished.utterance_count == 2
    assert await call.read() is END_OF_STREAM


async def test_interims_share_their_finals_index_and_are_off_by_default(stub, spoken) -> None:
    data = to_s16le(spoken)
    responses = await stream(stub, StreamingConfig(recognition=PCM, interim_results=True), *pieces(data, 3200))
    indices = [
        getattr(r, r.WhichOneof("event")).utterance_index
        for r in responses
        if r.WhichOneof("event") in ("interim", "final")
    ]
    assert indices == sorted(indices)
    assert len(indices) > 4
    quiet = await stream(stub, StreamingConfig(recognition=PCM), data)
    assert not [response for response in quiet if response.HasField("interim")]


async def test_a_stream_in_a_container(stub, spoken) -> None:
    responses = await stream(stub, StreamingConfig(), *pieces(wav(spoken), 10_000))
    assert word_errors(SAID, words(" ".join(final.transcript for final in finals(responses)))) <= 4


async def test_a_control_ends_the_utterance(stub, spoken) -> None:
    data = to_s16le(spoken)
    middle = 2 * round(2.0 * SAMPLE_RATE_HZ)  # 1 s into the first sentence
    first = await stream(
        stub, StreamingConfig(recognition=PCM), data[:middle], asr_pb2.STREAM_CONTROL_END_UTTERANCE, data[middle:]
    )
    found = finals(first)
    assert len(found) == 3
    assert seconds(found[0].end_offset) == pytest.approx(2.0, abs=0.05)


async def test_a_short_end_silence_and_a_short_longest_utterance(stub, spoken) -> None:
    endpointing = asr_pb2.Endpointing(max_utterance=Duration(seconds=1), end_silence=Duration(nanos=200_000_000))
    responses = await stream(stub, StreamingConfig(recognition=PCM, endpointing=endpointing), to_s16le(spoken))
    assert len(finals(responses)) > 2
    assert all(seconds(final.end_offset) - seconds(final.start_offset) <= 1.05 for final in finals(responses))


async def test_silence_says_nothing(stub) -> None:
    response = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(silence(3))))
    assert (response.transcript, len(response.utterances)) == ("", 0)
    (finished,) = await stream(stub, StreamingConfig(recognition=PCM), to_s16le(silence(2)))
    assert finished.finished.utterance_count == 0


async def test_a_stream_without_audio_is_finished(stub) -> None:
    for config in (StreamingConfig(), StreamingConfig(recognition=PCM)):
        (finished,) = await stream(stub, config)
        assert finished.HasField("finished")


async def test_who_vanishes_frees_the_permit(start, spoken) -> None:
    running = await start(open_service, ASR_STREAMS="1", ASR_QUEUE="0")
    from voicebox.asr.v1 import asr_pb2_grpc

    stub = aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, running.channel)
    call = stub.StreamingRecognize()
    await call.write(StreamingRecognizeRequest(config=StreamingConfig(recognition=PCM)))
    await call.write(StreamingRecognizeRequest(audio=to_s16le(spoken)))
    assert (await call.read()).HasField("speech_event")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken)))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    call.cancel()
    left = time.monotonic()
    while await asyncio.to_thread(streams_running, running.metrics_address):
        assert time.monotonic() - left < 10
    assert (await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(silence(1))))).transcript == ""


def streams_running(address: str) -> float:
    lines = urlopen(f"http://{address}/metrics").read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("voicebox_streams_running "))


async def test_who_says_nothing_for_long_is_sent_away(start) -> None:
    from voicebox.asr.v1 import asr_pb2_grpc

    stub = aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, (await start(open_service, ASR_IDLE_SECONDS="0.1")).channel)
    call = stub.StreamingRecognize()
    await call.write(StreamingRecognizeRequest(config=StreamingConfig()))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
