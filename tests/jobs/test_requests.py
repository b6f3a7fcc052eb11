"""What the RPCs refuse, keep apart and find, without a worker."""

import uuid

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_kit.principal import HEADER

from .conftest import wave

BATCH = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
OTHER = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Good evening.")])


def reason(error):
    details = error_details_pb2.ErrorInfo()
    rpc_status.from_call(error).details[0].Unpack(details)
    return details.reason


@pytest.mark.parametrize(
    "job",
    [
        pb.Job(),
        pb.Job(synthesize_batch=pb.SynthesizeBatch()),
        pb.Job(synthesize_batch=pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="")])),
        pb.Job(synthesize_batch=pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="a", output="../a")])),
        pb.Job(synthesize_batch=pb.SynthesizeBatch(items=BATCH.items, audio=99)),
        pb.Job(synthesize_batch=BATCH, priority=101),
        pb.Job(synthesize_batch=BATCH, timeout={"seconds": 0}),
        pb.Job(synthesize_batch=BATCH, labels={"": "a"}),
        pb.Job(download_model=pb.DownloadModel(service="catalog", model="models/a/b")),
        pb.Job(download_model=pb.DownloadModel(service="tts", model="../b")),
        pb.Job(transcribe_batch=pb.TranscribeBatch(inputs=["inputs/../a"])),
        pb.Job(train_voice=pb.TrainVoice(display_name="a", engine="fake", profile="profiles/a")),
        pb.Job(train_voice=pb.TrainVoice(display_name="a\nb", engine="fake", profile="profiles/a", consent="yes")),
        pb.Job(train_voice=pb.TrainVoice(display_name="  ", engine="fake", profile="profiles/a", consent="yes")),
        pb.Job(train_voice=pb.TrainVoice(display_name="a", engine="none", profile="profiles/a", consent="yes")),
        pb.Job(convert_speech=pb.ConvertSpeech(target="profiles/a", input="a")),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_job_that_is_wrong_is_refused(idle, job):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await idle.stub.CreateJob(pb.CreateJobRequest(job=job))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not (await idle.stub.ListJobs(pb.ListJobsRequest())).jobs


async def test_a_request_id_makes_one_job_and_one_input_for_each_owner(idle):
    request = pb.CreateJobRequest(job=pb.Job(synthesize_batch=BATCH), request_id=str(uuid.uuid4()))
    names = {(await idle.stub.CreateJob(request)).name for _ in range(3)}
    other = await idle.stub.CreateJob(request, metadata=((HEADER, "bob"),))
    assert len(names) == 1
    assert other.name not in names
    identity = str(uuid.uuid4())
    assert len({(await idle.upload(wave(), request_id=identity)).name for _ in range(2)}) == 1


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_request_id_of_another_request_is_refused(idle):
    identity = str(uuid.uuid4())
    await idle.stub.CreateJob(pb.CreateJobRequest(job=pb.Job(synthesize_batch=BATCH), request_id=identity))
    await idle.upload(wave(), request_id=identity)
    for other in (pb.Job(synthesize_batch=BATCH, priority=1), pb.Job(synthesize_batch=OTHER)):
        with pytest.raises(grpc.aio.AioRpcError, match="draw a new one") as refused:
            await idle.stub.CreateJob(pb.CreateJobRequest(job=other, request_id=identity))
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    for content in (wave(0.4), wave(0.6)):
        with pytest.raises(grpc.aio.AioRpcError, match="draw a new one"):
            await idle.upload(content, request_id=identity)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_text_that_is_not_utf_8_is_refused_as_what_it_is(idle):
    with pytest.raises(grpc.aio.AioRpcError, match="text in UTF-8"):
        await idle.upload("text\nGrüße\n".encode("latin-1"))


async def test_jobs_and_inputs_of_another_are_not_there(idle):
    source, bob = await idle.upload(wave()), ((HEADER, "bob"),)
    job = await idle.create(transcribe_batch=pb.TranscribeBatch(inputs=[source.name]))
    for call in (
        idle.stub.GetJob(pb.GetJobRequest(name=job.name), metadata=bob),
        idle.stub.CancelJob(pb.CancelJobRequest(name=job.name), metadata=bob),
        idle.stub.DeleteJob(pb.DeleteJobRequest(name=job.name), metadata=bob),
        idle.stub.RetryJob(pb.RetryJobRequest(name=job.name), metadata=bob),
        idle.stub.ListJobItems(pb.ListJobItemsRequest(parent=job.name), metadata=bob),
        idle.stub.GetInput(pb.GetInputRequest(name=source.name), metadata=bob),
        idle.stub.DeleteInput(pb.DeleteInputRequest(name=source.name), metadata=bob),
        idle.stub.ValidateInput(pb.ValidateInputRequest(name=source.name, type="train_voice"), metadata=bob),
        idle.stub.CreateJob(pb.CreateJobRequest(job=pb.Job(transcribe_batch=job.transcribe_batch)), metadata=bob),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    watched = idle.stub.WatchJob(pb.WatchJobRequest(name=job.name), metadata=bob)
    with pytest.raises(grpc.aio.AioRpcError):
        [event async for event in watched]
    assert not (await idle.stub.ListJobs(pb.ListJobsRequest(), metadata=bob)).jobs
    assert not (await idle.stub.ListInputs(pb.ListInputsRequest(), metadata=bob)).inputs


async def test_lists_are_filtered_and_paged(idle):
    for number in range(5):
        await idle.create(synthesize_batch=BATCH, labels={"team": "games" if number % 2 else "films"})
    await idle.create(download_model=pb.DownloadModel(service="tts", model="models/a/b"))

    async def count(filter):
        return len((await idle.stub.ListJobs(pb.ListJobsRequest(filter=filter))).jobs)

    assert await count('type = "synthesize_batch"') == 5
    assert await count('labels.team = "games" AND state = "QUEUED"') == 2
    assert await count('state = "FAILED"') == 0
    assert await count('create_time > "2020-01-01T00:00:00Z"') == 6
    with pytest.raises(grpc.aio.AioRpcError):
        await count("owner = 'bob'")
    first = await idle.stub.ListJobs(pb.ListJobsRequest(page_size=4))
    rest = await idle.stub.ListJobs(pb.ListJobsRequest(page_size=4, page_token=first.next_page_token))
    assert len({job.name for job in (*first.jobs, *rest.jobs)}) == 6
    assert not rest.next_page_token


async def test_inputs_are_what_they_contain(idle):
    source = await idle.upload(wave(), file_name="liar.txt")
    assert (source.container, source.sample_rate_hz, source.channel_count) == ("wav", 16_000, 1)
    text = await idle.upload(b"\xef\xbb\xbftext,voice\nHello.,\n,\n")
    checked = await idle.stub.ValidateInput(pb.ValidateInputRequest(name=text.name, type="synthesize_batch"))
    assert (checked.usable, list(checked.problems)) == (
        False, ["Item 2: text must have 1 to 10000 characters, and no NUL."]
    )  # fmt: skip
    assert not (await idle.stub.ValidateInput(pb.ValidateInputRequest(name=text.name, type="train_voice"))).usable
    for content in (b"", b"RIFF\0\0\0\0WAVEnothing", bytes(range(256))):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await idle.upload(content)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_part_of_an_input_is_downloaded(idle):
    source = await idle.upload(wave())
    call = idle.stub.DownloadInput(pb.DownloadInputRequest(name=source.name), metadata=(("range", "bytes=4-7"),))
    assert b"".join([answer.body.data async for answer in call]) == wave()[4:8]
    assert dict(await call.initial_metadata())["content-range"] == f"bytes 4-7/{source.size_bytes}"


async def test_an_input_that_a_job_needs_stays_and_a_job_that_waits_is_not_deleted(idle):
    source = await idle.upload(wave())
    job = await idle.create(transcribe_batch=pb.TranscribeBatch(inputs=[source.name]))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await idle.stub.DeleteInput(pb.DeleteInputRequest(name=source.name))
    assert reason(refused.value) == "INPUT_IN_USE"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await idle.stub.DeleteJob(pb.DeleteJobRequest(name=job.name))
    assert reason(refused.value) == "JOB_NOT_ENDED"
    await idle.stub.CancelJob(pb.CancelJobRequest(name=job.name))
    await idle.stub.DeleteJob(pb.DeleteJobRequest(name=job.name))
    await idle.stub.DeleteInput(pb.DeleteInputRequest(name=source.name))
    assert not [path for path in idle.folder.rglob("blobs/inputs/**/*") if path.is_file()]


async def test_everything_of_an_owner_moves_and_goes(idle):
    bob = ((HEADER, "bob"),)
    await idle.upload(wave())
    await idle.create(synthesize_batch=BATCH)
    moved = await idle.stub.MoveOwner(pb.MoveOwnerRequest(owner="local", new_owner="bob"))
    assert (moved.jobs, moved.inputs) == (1, 1)
    assert len((await idle.stub.ListJobs(pb.ListJobsRequest(), metadata=bob)).jobs) == 1
    counted = await idle.stub.DeleteOwner(pb.DeleteOwnerRequest(owner="bob"))
    assert (counted.jobs, counted.inputs) == (1, 1)
    await idle.stub.DeleteOwner(pb.DeleteOwnerRequest(owner="bob", force=True))
    assert not (await idle.stub.ListJobs(pb.ListJobsRequest(), metadata=bob)).jobs
    assert not [path for path in idle.folder.rglob("blobs/inputs/**/*") if path.is_file()]
