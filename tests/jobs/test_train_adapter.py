"""Training of adapters as jobs: a data set comes in, an adapter is published when it passes its test."""

import io
import json
import zipfile

import grpc
import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_models.adapters import archive

from .conftest import open_platform, wave
from .test_prepare_dataset import prepared

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
OPTIONS = {"steps": "2", "checkpoint_every": "1", "batch_size": "1", "rank": "2", "language": "en", "keep": "1"}


def dataset(text="hello there", **files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("dataset.jsonl", json.dumps({"audio": "wavs/a.wav", "text": text}))
        made.writestr("wavs/a.wav", wave())
        for name, content in files.items():
            made.writestr(name, content)
    return file.getvalue()


@pytest.fixture
async def platform(env, tmp_path, nursery, trained_whisper):
    folder = tmp_path / "models" / "whisper"
    folder.mkdir(parents=True)
    (folder / "random").symlink_to(trained_whisper / "model")
    variables = {"VOICEBOX_MODELS": str(tmp_path / "models"), "VOICEBOX_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    async with open_platform(env | variables, tmp_path, nursery) as platform:
        await platform.start_worker()
        yield platform


async def trained(platform, content, resume=("", 0), **options):
    source = await platform.upload(content, file_name="dataset.zip")
    assert source.container == "zip"
    return await trained_on(platform, source.name, resume, **options)


async def trained_on(platform, name, resume=("", 0), **options):
    training = pb.TrainAdapter(
        display_name="Clinic letters",
        consent="They agreed.",
        dataset=name,
        base_model="models/whisper/random",
        options=OPTIONS | options,
        resume_from=resume[0],
        resume_step=resume[1],
    )
    return await platform.ended(await platform.create(train_adapter=training))


async def test_an_adapter_that_passes_its_test_is_published(platform, tmp_path):
    job = await trained(platform, dataset(), max_wer="100")
    assert job.state == pb.JOB_STATE_SUCCEEDED, job.error
    names = {result.name.rpartition("/")[2] for result in job.results}
    assert {"adapter.voicebox-adapter", "training.json", "training.png"} <= names
    numbers = json.loads(await platform.result(job, "training.json"))
    assert len(numbers["losses"]) == 2
    assert (await platform.result(job, "training.png")).startswith(b"\x89PNG")
    ((identity, content),) = platform.tts.adapters.items()
    assert identity.startswith("clinic-letters-")
    assert content == await platform.result(job, "adapter.voicebox-adapter")
    manifest = archive.unpack(io.BytesIO(content), tmp_path)
    assert (manifest.base_model, manifest.consent, manifest.rank) == ("whisper/random", "They agreed.", 2)
    assert job.outputs["model"] == f"models/whisper/{identity}"
    assert float(job.outputs["held_out_loss"]) > 0
    assert any("none is held out" in warning for warning in job.warnings)


async def test_a_data_set_that_a_job_prepared_trains_an_adapter(platform):
    made = await prepared(platform, "LJ001-0011.wav")
    job = await trained_on(platform, made.name, max_wer="100", steps="1")
    assert job.state == pb.JOB_STATE_SUCCEEDED, job.error
    assert json.loads(await platform.result(job, "training.json"))["losses"]
    ((_, content),) = platform.tts.adapters.items()
    assert content == await platform.result(job, "adapter.voicebox-adapter")


async def test_a_job_without_a_data_set_trains_nothing(platform):
    batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
    other = await platform.ended(await platform.create(synthesize_batch=batch))
    job = await trained_on(platform, other.name)
    assert (job.state, job.error.code) == (pb.JOB_STATE_FAILED, grpc.StatusCode.NOT_FOUND.value[0])


async def test_one_that_does_not_is_kept_and_not_published(platform):
    job = await trained(platform, dataset(), max_wer="0")
    assert job.state == pb.JOB_STATE_FAILED
    assert job.error.info.reason == "ADAPTER_FAILED_TEST"
    assert "adapter.voicebox-adapter" in {result.name.rpartition("/")[2] for result in job.results}
    assert not platform.tts.adapters


async def test_what_is_no_data_set_fails_by_name(platform):
    job = await trained(platform, dataset(text=""))
    assert job.state == pb.JOB_STATE_FAILED
    assert job.error.info.reason == "DATASET_REFUSED"


async def test_a_job_goes_on_from_any_checkpoint_that_another_kept(platform):
    whole = await trained(platform, dataset(), steps="3", keep="3", max_wer="100")
    assert whole.state == pb.JOB_STATE_SUCCEEDED, whole.error
    resumed = await trained(platform, dataset(), (whole.name, 1), steps="3", keep="3", max_wer="100")
    assert resumed.state == pb.JOB_STATE_SUCCEEDED, resumed.error
    curves = [json.loads(await platform.result(job, "training.json"))["losses"] for job in (whole, resumed)]
    assert curves[1] == pytest.approx(curves[0], rel=1e-3)
    assert {f"checkpoint-{step:06d}.zip" for step in (1, 2, 3)} <= {
        result.name.rpartition("/")[2] for result in resumed.results
    }


async def test_a_checkpoint_that_was_not_the_best_is_published_without_more_training(platform):
    whole = await trained(platform, dataset(), keep="2", checkpoint="2", max_wer="100")
    chosen = await trained(platform, dataset(), (whole.name, 1), steps="1", max_wer="100")
    assert chosen.state == pb.JOB_STATE_SUCCEEDED, chosen.error
    assert chosen.outputs["chosen_step"] == "1"
    published = await platform.result(chosen, "adapter.voicebox-adapter")
    assert published == await platform.result(whole, "adapter-000001.voicebox-adapter")
    assert published in platform.tts.adapters.values()


async def test_what_cannot_be_gone_on_from_fails_by_name(platform):
    whole = await trained(platform, dataset(), max_wer="100")
    other_rank = await trained(platform, dataset(), (whole.name, 2), rank="4", steps="3")
    assert other_rank.error.info.reason == "CHECKPOINT_OF_ANOTHER_TRAINING"
    assert "rank" in other_rank.error.message
    other_words = await trained(platform, dataset(text="good night"), (whole.name, 2), steps="3")
    assert "dataset_sha256" in other_words.error.message
    not_kept = await trained(platform, dataset(), (whole.name, 7), steps="8")
    assert "no checkpoint of this step" in not_kept.error.message
    for resume in ((whole.name, 0), ("", 1), (whole.name, 100_001), ("inputs/x", 1)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await trained(platform, dataset(), resume)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
