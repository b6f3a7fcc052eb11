"""A data set is made of recordings, corrected by a person, and written anew."""

import io
import json
import zipfile
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from voicebox.jobs.v1 import jobs_pb2 as pb

SPEECH = Path(__file__).parents[1] / "data/speech"


def recording(*names):
    """Some recordings as one file, with a second of silence behind each."""
    pieces = []
    for name in names:
        samples, rate_hz = soundfile.read(SPEECH / name, dtype="float32")
        pieces += [samples, np.zeros(rate_hz, np.float32)]
    file = io.BytesIO()
    soundfile.write(file, np.concatenate(pieces), rate_hz, format="FLAC")
    return file.getvalue()


async def prepared(platform, *names, **options):
    source = await platform.upload(recording(*names))
    asked = pb.PrepareDataset(inputs=[source.name], **options)
    return await platform.ended(await platform.create(prepare_dataset=asked))


async def archive(platform, job):
    return zipfile.ZipFile(io.BytesIO(await platform.result(job, "dataset.zip")))


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code()


async def test_a_data_set_is_made_corrected_and_written_anew(platform):
    job = await prepared(platform, "LJ001-0001.wav", "LJ001-0003.wav")
    assert (job.state, platform.asr.calls) == (pb.JOB_STATE_SUCCEEDED, 1), job.error
    assert [result.name.rpartition("/")[2] for result in job.results] == ["dataset.zip", "report.json", "snr.png"]
    report = json.loads(await platform.result(job, "report.json"))
    assert report["clip_count"] == report["kept_count"] == job.item_count >= 2
    assert (await platform.result(job, "snr.png")).startswith(b"\x89PNG")
    items = (await platform.stub.ListJobItems(pb.ListJobItemsRequest(parent=job.name))).items
    assert all(item.segment.kept and item.segment.transcript.startswith("word word") for item in items)
    files = await archive(platform, job)
    metadata = files.read("metadata.csv").decode().splitlines()
    for item, line in zip(items, metadata, strict=True):
        with soundfile.SoundFile(io.BytesIO(files.read(item.output))) as clip:
            length = item.segment.end.ToMilliseconds() - item.segment.begin.ToMilliseconds()
            assert clip.frames / clip.samplerate == pytest.approx(length / 1000, abs=0.01)
        assert line.split("|")[0] in item.output

    dropped, corrected = items[0], items[1]
    await platform.stub.UpdateSegment(pb.UpdateSegmentRequest(name=f"{job.name}/items/0", kept=False))
    name, said = f"{job.name}/items/1", "In being comparatively modern, and more."
    changed = await platform.stub.UpdateSegment(pb.UpdateSegmentRequest(name=name, transcript=said))
    assert (changed.segment.transcript, changed.segment.HasField("confidence")) == (said, False)
    await platform.stub.RetryJob(pb.RetryJobRequest(name=job.name, from_step="write"))
    await platform.events(job, after=job.sequence)
    again = await platform.get(job)
    assert (again.state, platform.asr.calls) == (pb.JOB_STATE_SUCCEEDED, 1)
    files = await archive(platform, job)
    assert dropped.output not in files.namelist()
    lines = [json.loads(line) for line in files.read("dataset.jsonl").splitlines()]
    assert said in [line["text"] for line in lines if line["audio"] == corrected.output]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_noise_is_reduced_in_what_is_measured_and_in_what_is_written(platform):
    jobs = [await prepared(platform, "LJ001-0001.wav", denoise=denoise) for denoise in (False, True)]
    assert {job.state for job in jobs} == {pb.JOB_STATE_SUCCEEDED}
    before, after = [json.loads(await platform.result(job, "report.json"))["clips"][0] for job in jobs]
    assert (before["begin_seconds"], before["end_seconds"]) == (after["begin_seconds"], after["end_seconds"])
    assert after["snr_db"] > before["snr_db"]
    sounds = [(await archive(platform, job)).read(f"wavs/{before['name']}.wav") for job in jobs]
    assert len(sounds[0]) == len(sounds[1])
    assert sounds[0] != sounds[1]


async def test_recordings_without_speech_are_an_error(platform):
    file = io.BytesIO()
    soundfile.write(file, np.zeros(160_000), 16_000, format="WAV")
    source = await platform.upload(file.getvalue())
    job = await platform.ended(await platform.create(prepare_dataset=pb.PrepareDataset(inputs=[source.name])))
    assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "NO_SPEECH")


async def test_what_cannot_be_corrected_is_refused(platform):
    batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
    job = await platform.ended(await platform.create(synthesize_batch=batch))
    update = platform.stub.UpdateSegment
    for request, code in [
        (pb.UpdateSegmentRequest(name=f"{job.name}/items/0", kept=True), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.UpdateSegmentRequest(name=f"{job.name}/items/9", kept=True), grpc.StatusCode.NOT_FOUND),
        (pb.UpdateSegmentRequest(name=f"{job.name}/items/-1", kept=True), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.UpdateSegmentRequest(name=f"{job.name}/items/0"), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.UpdateSegmentRequest(name="jobs/x", kept=True), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.UpdateSegmentRequest(name=f"{job.name}/items/0", transcript="a" * 5001), grpc.StatusCode.INVALID_ARGUMENT),
    ]:
        assert await refused(update(request)) is code
