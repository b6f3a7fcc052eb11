"""What each type of job does, by a worker in a process of its own."""

import io
import zipfile

import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb

from .conftest import lines, wave

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Where another test has the same steps, items and results on both databases."""


async def test_a_batch_of_texts_becomes_a_zip_file(platform):
    content = b'text,voice,output\nHello.,,first\n"Good, evening.",flite/rms,second.wav\nwrong,,\n'
    source = await platform.upload(content, file_name="texts.csv")
    assert (source.container, source.audio_duration.seconds) == ("text", 0)
    job = await platform.ended(await platform.create(synthesize_batch=pb.SynthesizeBatch(input=source.name)))
    assert (job.state, job.item_count, job.items_done, job.items_failed) == (pb.JOB_STATE_SUCCEEDED, 3, 2, 1)
    assert list(job.warnings) == ["1 of 3 items failed."]
    assert all(step.completed for step in job.steps)
    archive = zipfile.ZipFile(io.BytesIO(await platform.result(job, "results.zip")))
    assert archive.namelist() == ["first.wav", "second.wav", "manifest.jsonl"]
    assert archive.read("second.wav") == b"Good, evening."
    manifest = lines(await platform.result(job, "manifest.jsonl"))
    assert [line["state"] for line in manifest] == ["done", "done", "failed"]
    assert manifest[2]["error"]["message"] == "That cannot be said."
    items = await platform.stub.ListJobItems(pb.ListJobItemsRequest(parent=job.name, page_size=2))
    rest = await platform.stub.ListJobItems(
        pb.ListJobItemsRequest(parent=job.name, page_size=2, page_token=items.next_page_token)
    )
    assert [item.index for item in (*items.items, *rest.items)] == [0, 1, 2]


@ON_SQLITE
async def test_each_text_of_a_batch_has_its_own_style(platform):
    content = b'{"text": "Fast.", "speed": 1.5}\n{"text": "Calm.", "pitch_semitones": -2, "instructions": "calm"}\n'
    source = await platform.upload(content)
    job = await platform.ended(await platform.create(synthesize_batch=pb.SynthesizeBatch(input=source.name)))
    assert job.state == pb.JOB_STATE_SUCCEEDED, job.error
    styles = dict(zip(platform.tts.spoken, platform.tts.styles, strict=True))
    assert (styles["Fast."].speed, styles["Fast."].instructions) == (1.5, "")
    assert (styles["Calm."].pitch_semitones, styles["Calm."].instructions) == (-2, "calm")


@ON_SQLITE
async def test_recordings_become_transcripts(platform):
    sources = [await platform.upload(wave(seconds)) for seconds in (0.5, 1.0)]
    assert [source.audio_duration.ToMilliseconds() for source in sources] == [500, 1000]
    batch = pb.TranscribeBatch(inputs=[source.name for source in sources])
    job = await platform.ended(await platform.create(transcribe_batch=batch))
    assert job.state == pb.JOB_STATE_SUCCEEDED
    manifest = lines(await platform.result(job, "manifest.jsonl"))
    assert [line["transcript"] for line in manifest] == [f"{source.size_bytes} bytes" for source in sources]


@ON_SQLITE
async def test_a_model_is_downloaded(platform):
    download = pb.DownloadModel(service="tts", model="models/kokoro/82m")
    job = await platform.ended(await platform.create(download_model=download))
    assert (job.state, dict(job.outputs)) == (pb.JOB_STATE_SUCCEEDED, {"model": "models/kokoro/82m"})


async def test_a_voice_is_trained_and_published_once(platform):
    job = await platform.ended(await platform.train(epochs=3))
    assert job.state == pb.JOB_STATE_SUCCEEDED, job.error
    assert (job.outputs["voice_model"], job.outputs["loss"]) == ("voiceModels/reader", "0.5")
    assert list(job.warnings) == ["It is a fake on cpu."]
    (archive,) = platform.conversion.archives.values()
    assert archive == await platform.result(job, "voice.voicebox-voice")
    assert zipfile.ZipFile(io.BytesIO(archive)).read("model.safetensors").startswith(b"RIFF")


@ON_SQLITE
async def test_speech_is_converted(platform):
    source = await platform.upload(wave())
    convert = pb.ConvertSpeech(input=source.name, target="voiceModels/reader")
    job = await platform.ended(await platform.create(convert_speech=convert))
    assert (job.state, list(job.warnings)) == (pb.JOB_STATE_SUCCEEDED, ["approximate"])
    assert await platform.result(job, "converted.wav") == wave()


async def test_what_a_trainer_refuses_is_the_jobs_error_and_a_retry_begins_at_that_step(platform):
    job = await platform.ended(await platform.train(do="refuse"))
    assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "TOO_SILENT")
    assert [step.completed for step in job.steps] == [True, False, False]
    again = await platform.stub.RetryJob(pb.RetryJobRequest(name=job.name))
    assert again.state == pb.JOB_STATE_QUEUED
    events = await platform.events(job, after=job.sequence)
    assert [event.state for event in events][:2] == [pb.JOB_STATE_QUEUED, pb.JOB_STATE_PREPARING]
    assert events[-1].state == pb.JOB_STATE_FAILED
    assert len([line for line in platform.log() if "begun" in line]) == 2


@ON_SQLITE
async def test_a_step_that_is_run_again_leaves_nothing_of_the_first_time(platform):
    items = [pb.SynthesizeItem(text=text) for text in ("Good.", "This is wrong.")]
    job = await platform.ended(await platform.create(synthesize_batch=pb.SynthesizeBatch(items=items)))
    assert list(job.warnings) == ["1 of 2 items failed."]
    platform.tts.refused = "nothing"
    await platform.stub.RetryJob(pb.RetryJobRequest(name=job.name, from_step="speak"))
    await platform.events(job, after=job.sequence)
    again = await platform.get(job)
    assert (again.items_failed, list(again.warnings)) == (0, [])


@ON_SQLITE
async def test_recordings_are_recognised_anew_from_a_step_that_is_run_again(platform):
    source = await platform.upload(wave(5))
    job = await platform.ended(await platform.create(prepare_dataset=pb.PrepareDataset(inputs=[source.name])))
    calls = platform.asr.calls
    await platform.stub.RetryJob(pb.RetryJobRequest(name=job.name, from_step="recognize"))
    await platform.events(job, after=job.sequence)
    assert platform.asr.calls == 2 * calls == 2
