"""One Job fetches and verifies what the pods then only check, without a network."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .conftest import Manifest

Rendered = Callable[[Sequence[str]], list[Manifest]]
WITH_MODELS = ("qwen3", "whisper")


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return next(each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name)


def data(manifests: list[Manifest], variable: str) -> str:
    [found] = {each["data"][variable] for each in manifests if each["kind"] == "ConfigMap" and variable in each["data"]}
    return str(found)


@pytest.fixture
def manifests(rendered_with: Rendered) -> list[Manifest]:
    return rendered_with([*WITH_MODELS, "gpu", "model-cache"])


def test_the_job_fetches_what_the_pods_check(manifests: list[Manifest]) -> None:
    for name in ("tts", "asr"):
        [init] = named(manifests, "StatefulSet", name)["spec"]["template"]["spec"]["initContainers"]
        model = data(manifests, f"{name.upper()}_MODEL")
        checked = {
            word.replace(f"$({name.upper()}_MODEL)", model) for word in init["command"] if word.startswith("models/")
        }
        assert set(data(manifests, f"{name.upper()}_MODELS").split()) == checked


def test_all_use_one_claim_and_the_pods_only_read_it(manifests: list[Manifest]) -> None:
    claim = named(manifests, "PersistentVolumeClaim", "models")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    job = named(manifests, "Job", "model-cache")["spec"]["template"]["spec"]
    assert {"name": "models", "persistentVolumeClaim": {"claimName": "models"}} in job["volumes"]
    for name in ("tts", "asr"):
        pod = named(manifests, "StatefulSet", name)["spec"]["template"]["spec"]
        assert {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}} in pod["volumes"]
        for container in (*pod["containers"], *pod["initContainers"]):
            assert {"name": "models", "mountPath": "/models", "readOnly": True} in container["volumeMounts"]
    assert data(manifests, "VOICEBOX_OFFLINE") == "1"


def test_the_job_may_fetch_and_nobody_else_needs_to(manifests: list[Manifest]) -> None:
    job = named(manifests, "Job", "model-cache")["spec"]["template"]["spec"]
    images = {each["name"]: each["image"] for each in (*job["initContainers"], *job["containers"])}
    for name in ("tts", "asr", "conversion"):
        pod = named(manifests, "StatefulSet", name)["spec"]["template"]["spec"]
        assert images[name] == pod["containers"][0]["image"], "a model is fetched by the engine that runs it"
    sources = [source for each in (*job["initContainers"], *job["containers"]) for source in each["envFrom"]]
    offline = [each for each in manifests if each["kind"] == "ConfigMap" and "VOICEBOX_OFFLINE" in each["data"]]
    assert not any(source.get("configMapRef") == {"name": offline[0]["metadata"]["name"]} for source in sources)


def commands(manifests: list[Manifest]) -> dict[str, list[str]]:
    job = named(manifests, "Job", "model-cache")["spec"]["template"]["spec"]
    return {each["name"]: each["command"] for each in (*job["initContainers"], *job["containers"])}


def test_the_jobs_own_command_names_what_is_missing_and_a_second_pod_needs_no_network(
    manifests: list[Manifest], tmp_path: Path, search_path: str
) -> None:
    """A folder that a person put there is a model: the air-gapped way. Without it the check fails, and says what is
    missing.
    """
    command = commands(manifests)["asr"]
    env = {"PATH": search_path, "VOICEBOX_MODELS": str(tmp_path), "VOICEBOX_OFFLINE": "1", "VOICEBOX_EMBEDDED": "small"}

    def run(models: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, env={**env, "ASR_MODELS": models}, capture_output=True, text=True, check=False)

    missing = run("models/whisper/tiny")
    assert (missing.returncode, "VOICEBOX_OFFLINE" in missing.stderr) == (1, True), missing.stderr
    folder = tmp_path / "whisper/tiny"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes(b"{}")
    there = run("models/whisper/tiny")
    assert (there.returncode, "is here already" in there.stderr) == (0, True), there.stderr
    assert run("").returncode == 0, "a service without models fetches none"
