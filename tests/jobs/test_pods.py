"""Trainings in pods of Kubernetes, for which worker processes stand; its API is a stand-in, too."""

import asyncio
import signal

import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_jobs.cluster import Cluster
from voicebox_jobs.running.kubernetes import Phase, PodJobs
from voicebox_jobs.running.one_job import OneJob
from voicebox_jobs.settings import Settings
from voicebox_kit.errors import StartError, Unavailable

from .cluster import FakeCluster
from .conftest import open_platform

ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.fixture
def cluster(tmp_path):
    return FakeCluster(tmp_path / "account")


@pytest.fixture
def url(cluster):
    with cluster.serving() as url:
        yield url


@pytest.fixture
def pods(cluster, url):
    return PodJobs(Cluster(url, cluster.account, "jobs-training"))


@pytest.fixture
async def dispatching(env, tmp_path, trainers, nursery, cluster, url):
    """A platform without a worker whose trainings run in pods."""
    more = {
        "JOBS_RUNNER": "kubernetes",
        "JOBS_KUBERNETES_URL": url,
        "JOBS_KUBERNETES_ACCOUNT": str(cluster.account),
    }
    async with open_platform(env | more, tmp_path, nursery) as platform:
        yield platform


async def created(cluster, number=1):
    """The name of the Job that was created then."""
    while len(cluster.created) < number:
        await asyncio.sleep(0.02)
    return cluster.created[number - 1]


async def gone(cluster):
    """Wait until all Jobs are deleted."""
    while cluster.jobs:
        await asyncio.sleep(0.02)


async def start_pod(platform, cluster, name):
    """What the Job's pod does."""
    return await platform.start_worker(JOBS_ONLY=cluster.only(name), VOICEBOX_DATA=platform.env["VOICEBOX_DATA"])


async def test_a_job_is_created_once_followed_and_deleted(pods, cluster):
    for _ in range(2):
        await pods.create("voicebox-a-1", {"JOBS_ONLY": "a.1"})
    assert cluster.created == ["voicebox-a-1"]
    job = cluster.jobs["voicebox-a-1"]
    assert job["metadata"] == {"name": "voicebox-a-1", "labels": {"kueue.x-k8s.io/queue-name": "voicebox"}}
    assert (job["spec"]["backoffLimit"], cluster.only("voicebox-a-1")) == (3, "a.1")
    assert cluster.tokens == {"Bearer secret"}
    phases = []
    for change in ({"suspend": True}, {"suspend": False}):
        job["spec"] |= change
        phases.append((await pods.see("voicebox-a-1")).phase)
    job["status"] = {"ready": 1}
    phases.append((await pods.see("voicebox-a-1")).phase)
    assert phases == [Phase.SUSPENDED, Phase.WAITING, Phase.RUNNING]
    cluster.fail("voicebox-a-1", "It was too often.")
    seen = await pods.see("voicebox-a-1")
    assert (seen.phase, seen.message) == (Phase.ENDED, "It was too often.")
    for _ in range(2):
        await pods.delete("voicebox-a-1")
    assert (await pods.see("voicebox-a-1")).phase is Phase.ABSENT


async def test_an_api_that_does_not_do_it_is_an_error_that_passes(pods, cluster, tmp_path):
    (cluster.account / "namespace").write_text("elsewhere")
    with pytest.raises(Unavailable, match="no CronJob"):
        await pods.create("voicebox-a-1", {})
    (cluster.account / "token").unlink()
    with pytest.raises(Unavailable, match="does not answer"):
        await pods.see("voicebox-a-1")


@pytest.mark.parametrize("answer", [[], {}, "a", {"spec": None}, {"spec": {}, "status": {"conditions": [{}]}}])
async def test_an_answer_in_another_form_is_an_error_that_passes(pods, cluster, monkeypatch, answer):
    monkeypatch.setattr(cluster, "answer", lambda *_: (200, answer))
    for call in (pods.create("voicebox-a-1", {}), pods.see("voicebox-a-1")):
        with pytest.raises(Unavailable, match="another form"):
            await call


@ON_POSTGRES
async def test_a_training_runs_in_a_pod_and_leaves_its_result(dispatching, cluster):
    await dispatching.start_worker()
    job = await dispatching.train(epochs=2)
    name = await created(cluster)
    assert name == f"voicebox-{job.name.removeprefix('jobs/')}-1"
    assert await dispatching.stage(job, "waits for a pod")
    assert not dispatching.log()
    pod = await start_pod(dispatching, cluster, name)
    done = await dispatching.ended(job)
    assert (done.state, done.attempt, done.outputs["voice_model"]) == (
        pb.JOB_STATE_SUCCEEDED,
        1,
        "voiceModels/reader",
    )
    await gone(cluster)
    while not pod.is_gone:
        await asyncio.sleep(0.02)
    assert "has not ended" not in pod.log.read_text()
    batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])  # this needs no pod
    assert (await dispatching.ended(await dispatching.create(synthesize_batch=batch))).state == pb.JOB_STATE_SUCCEEDED
    assert cluster.created == [name]


@ON_POSTGRES
async def test_a_dispatcher_that_is_killed_as_it_creates_a_job_creates_no_second_one(dispatching, cluster):
    first = await dispatching.start_worker()
    cluster.answers.clear()  # it never knows that there is a Job
    job = await dispatching.train(epochs=2)
    name = await created(cluster)
    await first.end(signal.SIGKILL)
    cluster.answers.set()
    await dispatching.start_worker()
    await dispatching.stage(job, "waits for a pod")  # as the second one sees it
    await start_pod(dispatching, cluster, name)
    assert (await dispatching.ended(job)).state == pb.JOB_STATE_SUCCEEDED
    await gone(cluster)
    assert cluster.created == [name]
    assert len([line for line in dispatching.log() if "begun" in line]) == 1


@ON_POSTGRES
async def test_a_cancelled_job_ends_with_its_pod(dispatching, cluster):
    await dispatching.start_worker()
    waiting = await dispatching.train("waiting")
    await created(cluster)
    await dispatching.stub.CancelJob(pb.CancelJobRequest(name=waiting.name))
    await gone(cluster)
    hanging = await dispatching.train("hanging", do="hang")
    pod = await start_pod(dispatching, cluster, await created(cluster, 2))
    await dispatching.logged("hanging begun")
    await dispatching.stub.CancelJob(pb.CancelJobRequest(name=hanging.name))
    assert (await dispatching.ended(hanging)).state == pb.JOB_STATE_CANCELLED
    await gone(cluster)
    while not pod.is_gone:
        await asyncio.sleep(0.02)


@ON_POSTGRES
async def test_a_pod_that_dies_is_replaced_and_repeats_no_epoch(dispatching, cluster):
    await dispatching.start_worker()
    job = await dispatching.train(epochs=6, seconds=0.2)
    name = await created(cluster)
    pod = await start_pod(dispatching, cluster, name)
    await dispatching.logged("epoch 2")
    await pod.end(signal.SIGKILL)
    await start_pod(dispatching, cluster, name)  # as Kubernetes does by itself
    done = await dispatching.ended(job)
    assert (done.state, done.attempt) == (pb.JOB_STATE_SUCCEEDED, 2)
    epochs = [line for line in dispatching.log() if "epoch" in line]
    assert len(epochs) == len(set(epochs)) == 6


@ON_POSTGRES
async def test_a_pod_that_has_to_go_gives_its_job_back_and_says_that_it_is_not_done(dispatching, cluster):
    await dispatching.start_worker()
    job = await dispatching.train(do="hang")
    pod = await start_pod(dispatching, cluster, await created(cluster))
    await dispatching.logged("begun")
    await pod.end(signal.SIGTERM)
    assert (await dispatching.get(job)).state == pb.JOB_STATE_QUEUED
    assert "has not ended" in pod.log.read_text()


@ON_POSTGRES
async def test_pods_that_fail_for_good_fail_the_job_by_name(dispatching, cluster):
    await dispatching.start_worker()
    job = await dispatching.train()
    cluster.fail(await created(cluster), "Job has reached the specified backoff limit")
    done = await dispatching.ended(job)
    assert (done.state, done.error.info.reason) == (pb.JOB_STATE_FAILED, "POD_FAILED")
    assert "backoff limit" in done.error.message
    await gone(cluster)
    await dispatching.stub.RetryJob(pb.RetryJobRequest(name=job.name))
    assert await created(cluster, 2) == f"voicebox-{job.name.removeprefix('jobs/')}-2"


def test_pods_share_no_sqlite():
    with pytest.raises(StartError, match="PostgreSQL"):
        Settings.read({"JOBS_RUNNER": "kubernetes"})


@pytest.mark.parametrize("only", ["", "a", "a.", ".1", "a.b"])
def test_what_names_no_run_is_refused(only):
    with pytest.raises(StartError, match="JOBS_ONLY"):
        OneJob(only)
