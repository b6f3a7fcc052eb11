"""How far a job is, in the words of OpenAI's batches."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_gateway.openai.batches import STATUSES, batch_object

pytestmark = pytest.mark.unit
END = Timestamp(seconds=1_800_000_000)
DATES = {f"{each}_at" for each in ("completed", "failed", "cancelled", "expired")}


def job(state: "pb.JobState", **fields: object) -> pb.Job:
    return pb.Job(name="jobs/7f3c2a10-9b1e-4c57-8d21-0a4be6f5c9d3", state=state, **fields)


def failed(reason: str) -> pb.Job:
    error = pb.JobError(message="It took longer than 86400 s.", info=ErrorInfo(reason=reason))
    return job(pb.JOB_STATE_FAILED, error=error, end_time=END)


def test_every_state_has_a_word():
    assert STATUSES.keys() == set(pb.JobState.values()) - {pb.JOB_STATE_UNSPECIFIED}


@pytest.mark.parametrize(("reason", "status"), [("JOB_TIMEOUT", "expired"), ("BATCH_INVALID", "failed")])
def test_what_took_longer_than_its_window_is_expired_and_did_not_fail(reason: str, status: str):
    found = batch_object(failed(reason))
    assert found["status"] == status
    assert {each for each in DATES if found[each]} == {f"{status}_at"}
    assert found["errors"]["data"][0]["code"] == reason.lower()


def test_one_that_runs_and_is_cancelled_says_so_before_it_has_ended():
    assert batch_object(job(pb.JOB_STATE_RUNNING), is_cancelling=True)["status"] == "cancelling"
    assert batch_object(job(pb.JOB_STATE_RUNNING))["status"] == "in_progress"
    assert batch_object(job(pb.JOB_STATE_CANCELLED, end_time=END), is_cancelling=True)["status"] == "cancelled"
    assert batch_object(job(pb.JOB_STATE_SUCCEEDED, end_time=END), is_cancelling=True)["status"] == "completed"
