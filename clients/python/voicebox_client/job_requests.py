"""Builds requests about jobs: pure functions that both clients share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from google.api.httpbody_pb2 import HttpBody
from voicebox.jobs.v1 import jobs_pb2

from .requests import request_id, resource

BatchFormat = Literal["wav", "flac", "mp3"]
ENDED = frozenset(
    {
        jobs_pb2.JOB_STATE_SUCCEEDED,
        jobs_pb2.JOB_STATE_FAILED,
        jobs_pb2.JOB_STATE_CANCELLED,
        jobs_pb2.JOB_STATE_DEAD,
    }
)
"""The states in which nothing happens any more, but by a retry."""


def create_job(job: jobs_pb2.Job) -> jobs_pb2.CreateJobRequest:
    """Queues a job once, however often it is sent."""
    return jobs_pb2.CreateJobRequest(job=job, request_id=request_id())


def upload(file_name: str, identity: str, pieces: Iterator[bytes]) -> Iterator[jobs_pb2.UploadInputRequest]:
    """The messages of an upload, under one request id."""
    yield jobs_pb2.UploadInputRequest(file_name=file_name, request_id=identity)
    for piece in pieces:
        yield jobs_pb2.UploadInputRequest(content=HttpBody(data=piece))


def train_voice(
    name: str, consent: str, inputs: Sequence[str], profile: str, engine: str, options: Mapping[str, str]
) -> jobs_pb2.Job:
    """A job that makes a voice model of uploaded recordings, or of a profile's samples."""
    return jobs_pb2.Job(
        train_voice=jobs_pb2.TrainVoice(
            display_name=name,
            consent=consent,
            inputs=inputs,
            profile=resource("profiles", profile) if profile else "",
            engine=engine,
            options=options,
        )
    )


def train_adapter(
    name: str,
    consent: str,
    dataset: str,
    base_model: str,
    options: Mapping[str, str],
    resume_from: str = "",
    resume_step: int = 0,
) -> jobs_pb2.Job:
    """A job that trains an adapter of a model on a data set: `jobs/{job}`, which prepared it, or `inputs/{input}`. It
    goes on from a checkpoint of an earlier job, by the job's name and the checkpoint's step, if they are given.
    """
    training = jobs_pb2.TrainAdapter(
        display_name=name,
        consent=consent,
        dataset=dataset,
        base_model=resource("models", base_model),
        options=options,
        resume_from=resume_from,
        resume_step=resume_step,
    )
    return jobs_pb2.Job(train_adapter=training)


def synthesize_batch(file: str, voice: str, form: BatchFormat) -> jobs_pb2.Job:
    """A job that speaks the texts of an uploaded file. Raises ValueError for another format."""
    audio = jobs_pb2.BatchAudio.Value(f"BATCH_AUDIO_{form.upper()}")
    return jobs_pb2.Job(synthesize_batch=jobs_pb2.SynthesizeBatch(input=file, voice=voice, audio=audio))


def transcribe_batch(inputs: Sequence[str], profile: str, language: str, model: str) -> jobs_pb2.Job:
    """A job that transcribes uploaded recordings, or a profile's samples."""
    return jobs_pb2.Job(
        transcribe_batch=jobs_pb2.TranscribeBatch(
            inputs=inputs,
            profile=resource("profiles", profile) if profile else "",
            language=language,
            model=resource("models", model) if model else "",
        )
    )


def prepare_dataset(
    inputs: Sequence[str], profile: str, language: str, model: str, denoise: bool = False
) -> jobs_pb2.Job:
    """A job that makes a data set of uploaded recordings, or of a profile's samples."""
    return jobs_pb2.Job(
        prepare_dataset=jobs_pb2.PrepareDataset(
            inputs=inputs,
            profile=resource("profiles", profile) if profile else "",
            language=language,
            model=resource("models", model) if model else "",
            denoise=denoise,
        )
    )


def update_segment(job: str, index: int, transcript: str | None, kept: bool | None) -> jobs_pb2.UpdateSegmentRequest:
    """Changes what is not None."""
    name = f"{resource('jobs', job)}/items/{index}"
    return jobs_pb2.UpdateSegmentRequest(name=name, transcript=transcript, kept=kept)


def state_name(state: "jobs_pb2.JobState.ValueType") -> str:
    """A state as people write it."""
    return jobs_pb2.JobState.Name(state).removeprefix("JOB_STATE_").lower()
