"""What jobs use counts for who created them: once, whoever dies meanwhile."""

import signal

import pytest
from voicebox.accounts.v1 import accounts_pb2
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_kit import principal
from voicebox_kit.principal import Principal

from .conftest import ANN
from .test_prepare_dataset import prepared


async def test_a_training_that_a_kill_repeats_counts_once(guarded):
    principal.current.set(ANN)
    worker = await guarded.start_worker()
    job = await guarded.train(epochs=3, seconds=0.2)
    await guarded.logged("epoch 0")
    await worker.end(signal.SIGKILL)
    await guarded.start_worker()
    assert (await guarded.ended(job)).state == pb.JOB_STATE_SUCCEEDED
    second = await guarded.train(epochs=1)
    assert (await guarded.ended(second)).state == pb.JOB_STATE_SUCCEEDED
    first, other = await guarded.accounts.recorded(2)
    assert first.work_id != other.work_id
    assert (first.owner, first.key, first.model) == ("ann", "anns-key", "fake")
    assert (first.kind, first.amounts.audio_ms) == (accounts_pb2.WORK_KIND_TRAINING, 500)
    assert first.amounts.compute_ms > 0


async def test_what_was_used_waits_for_accounts_under_one_name(guarded):
    """Also where accounts had it, and its answer was lost with the worker."""
    principal.current.set(ANN)
    guarded.accounts.is_away = True
    worker = await guarded.start_worker()
    await guarded.ended(await guarded.train())
    await guarded.accounts.recorded(1)
    await worker.end(signal.SIGKILL)
    guarded.accounts.is_away = False
    await guarded.start_worker()
    first, again = (await guarded.accounts.recorded(2))[-2:]
    assert first == again


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_data_set_counts_by_its_recordings(guarded):
    principal.current.set(ANN)
    await guarded.start_worker()
    job = await prepared(guarded, "LJ001-0001.wav")
    assert job.state == pb.JOB_STATE_SUCCEEDED
    [record] = await guarded.accounts.recorded(1)
    assert record.kind == accounts_pb2.WORK_KIND_DATASET
    assert record.amounts.audio_ms > 3000


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_fails_and_what_is_nobodys_counts_nothing(guarded):
    await guarded.start_worker()
    principal.current.set(ANN)
    assert (await guarded.ended(await guarded.train(do="refuse"))).state == pb.JOB_STATE_FAILED
    principal.current.set(Principal("ann", ANN.scopes, "uncounted", is_counted=False))
    await guarded.ended(await guarded.train())
    principal.current.set(ANN)
    await guarded.ended(await guarded.train())
    [record] = await guarded.accounts.recorded(1)
    assert record.key == "anns-key"
