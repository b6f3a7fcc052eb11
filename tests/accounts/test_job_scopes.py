"""A job is no way around a scope: its creator must be allowed what its calls to other services do."""

import grpc
import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.jobs.v1 import jobs_pb2_grpc
from voicebox_accounts.access.table import SERVICES
from voicebox_jobs.job_type import installed_types

pytestmark = pytest.mark.usefixtures("worker")

TTS, ASR = "voicebox.tts.v1.TextToSpeechService", "voicebox.asr.v1.SpeechToTextService"
CALLS = {
    "synthesize_batch": (TTS, "StreamSynthesize"),
    "transcribe_batch": (ASR, "RecognizeUpload"),
    "prepare_dataset": (ASR, "RecognizeUpload"),
    "convert_speech": ("voicebox.conversion.v1.ConversionService", "ConvertSpeech"),
    "train_voice": ("voicebox.conversion.v1.VoiceModelService", "ImportVoiceModel"),
    "train_adapter": ("voicebox.models.v1.ModelService", "ImportAdapter"),
    "download_model": ("voicebox.models.v1.ModelService", "DownloadModel"),
    "openai_batch": ("voicebox.compat.openai.v1.OpenAiSpeechService", "CreateSpeech"),
}
"""What each type of jobs calls for its creator."""
ALSO = {"openai_batch": {"hear"}}
"""A type whose request says which of two services it calls needs the scopes of both."""
BATCH = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
DOWNLOAD = pb.DownloadModel(service="tts", model="models/none/none")


def test_each_type_needs_the_scopes_of_what_it_calls():
    needed = {name: {*kind.scopes, "manage"} for name, kind in installed_types().items()}
    rules = {name: SERVICES[service][method] for name, (service, method) in CALLS.items()}
    assert needed == {name: {str(rule.scope), "manage", *ALSO.get(name, ())} for name, rule in rules.items()}


def create(guarded, secret, **work):
    with grpc.insecure_channel(guarded.platform.gateway) as channel:
        request = pb.CreateJobRequest(job=pb.Job(**work))
        return jobs_pb2_grpc.JobServiceStub(channel).CreateJob(request, metadata=(("x-api-key", secret),))


def retry(guarded, secret, name):
    with grpc.insecure_channel(guarded.platform.gateway) as channel:
        request = pb.RetryJobRequest(name=name)
        return jobs_pb2_grpc.JobServiceStub(channel).RetryJob(request, metadata=(("x-api-key", secret),))


@pytest.fixture(scope="module")
def manages(guarded):
    """A key of Ann's that may manage, and not speak."""
    with guarded.client("admin") as client:
        return client.create_key("ann", ["manage", "read"], "manages").secret


def test_who_may_not_speak_has_no_job_that_speaks(guarded, manages):
    with pytest.raises(grpc.RpcError) as refused:
        create(guarded, manages, synthesize_batch=BATCH)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "speak" in str(refused.value.details())


def test_who_is_no_admin_has_no_model_downloaded(guarded):
    with pytest.raises(grpc.RpcError) as refused:
        create(guarded, guarded.secrets["ann"], download_model=DOWNLOAD)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert create(guarded, guarded.secrets["admin"], download_model=DOWNLOAD).name


def test_who_may_not_speak_does_not_try_a_job_again_that_speaks(guarded, manages):
    job = create(guarded, guarded.secrets["ann"], synthesize_batch=BATCH)
    with pytest.raises(grpc.RpcError) as refused:
        retry(guarded, manages, job.name)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_job_ends_when_the_key_that_made_it_is_revoked(guarded):
    with guarded.client("admin") as admin:
        made = admin.create_key("ann", ["speak", "manage", "read"], "leaves")
        items = [pb.SynthesizeItem(text="The old man walked slowly to the market. " * 40)] * 100
        job = create(guarded, made.secret, synthesize_batch=pb.SynthesizeBatch(items=items))
        with grpc.insecure_channel(guarded.platform.gateway) as channel:
            ann = (("x-api-key", guarded.secrets["ann"]),)
            for event in jobs_pb2_grpc.JobServiceStub(channel).WatchJob(
                pb.WatchJobRequest(name=job.name), metadata=ann
            ):
                if event.state == pb.JOB_STATE_RUNNING and not made.key.HasField("revoke_time"):
                    made.key.CopyFrom(admin.revoke_key(made.key.name))
    assert (event.state, event.error.info.reason) == (pb.JOB_STATE_FAILED, "KEY_REVOKED")
