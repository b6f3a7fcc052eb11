"""Training of adapters as jobs: a data set comes in, an adapter is published when it passes its test."""

import io
import json
import zipfile

import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_models.adapters import archive

from .conftest import open_platform, wave

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


async def trained(platform, content, **options):
    source = await platform.upload(content, file_name="dataset.zip")
    assert source.container == "zip"
    training = pb.TrainAdapter(
        display_name="Clinic letters",
        consent="They agreed.",
        dataset=source.name,
        base_model="models/whisper/random",
        options=OPTIONS | options,
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
