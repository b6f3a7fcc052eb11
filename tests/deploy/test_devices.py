"""Whole GPUs, slices and shares of them: each pod has one, and its models fit into it."""

import re
from collections.abc import Callable, Sequence

import kubernetes_validate
import pytest

from .conftest import Manifest

Rendered = Callable[[Sequence[str]], list[Manifest]]
GIGABYTE = 10**9
SMALLEST_GPU = 24 * GIGABYTE
"""Of a GPU that is shared, as its node's label must say."""


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests
        if each["kind"] in ("StatefulSet", "Deployment")
    }


def settings(manifests: list[Manifest]) -> dict[str, str]:
    maps = [each["data"] for each in manifests if each["kind"] == "ConfigMap"]
    return {
        name: value for each in maps for name, value in each.items() if name.endswith(("_BYTES", "_DEVICE", "_LEASES"))
    }


def device(pod: Manifest) -> list[str]:
    """What a pod asks of NVIDIA's device plugin."""
    limits = pod["containers"][0]["resources"]["limits"]
    return [name for name in limits if name.startswith("nvidia.com/") and limits[name] == "1"]


def expressions(pod: Manifest) -> dict[str, list[str]]:
    [term] = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return {each["key"]: each["values"] for each in term["matchExpressions"]}


@pytest.mark.parametrize("order", [("qwen3", "whisper"), ()])
@pytest.mark.parametrize(
    ("component", "tts", "asr"),
    [
        ("gpu", "nvidia.com/gpu", "nvidia.com/gpu"),
        ("gpu-mig", "nvidia.com/mig-3g.20gb", "nvidia.com/mig-2g.10gb"),
        ("gpu-mps", "nvidia.com/gpu.shared", "nvidia.com/gpu.shared"),
    ],
)
def test_each_variant_gives_one_device_and_the_runtime_for_it(
    component: str, tts: str, asr: str, order: tuple[str, ...], rendered_with: Rendered
) -> None:
    manifests = rendered_with([component, *order])
    for each in manifests:
        kubernetes_validate.validate(each, "1.37", strict=True)
    found = pods(manifests)
    assert (device(found["tts"]), device(found["asr"])) == ([tts], [asr])
    for name in ("tts", "asr"):
        assert found[name]["runtimeClassName"] == "nvidia"
        assert settings(manifests)[f"{name.upper()}_DEVICE"] == "cuda:0"
        assert found[name]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert not {"runtimeClassName", "tolerations"} & set(found["catalog"])


def test_the_models_of_a_slice_fit_into_it(rendered_with: Rendered) -> None:
    manifests = rendered_with(["gpu-mig"])
    for name in ("tts", "asr"):
        [found] = device(pods(manifests)[name])
        size = re.search(r"(\d+)gb$", found)
        assert size
        bound = int(settings(manifests)[f"{name.upper()}_MODEL_MEMORY_BYTES"])
        assert 0 < bound <= 0.8 * int(size[1]) * GIGABYTE, "the rest is for streams and CUDA"


def test_the_models_of_a_share_fit_into_it(rendered_with: Rendered) -> None:
    manifests = rendered_with(["gpu-mps"])
    for name in ("tts", "asr"):
        pod = pods(manifests)[name]
        assert expressions(pod)["nvidia.com/gpu.sharing-strategy"] == ["mps"]
        assert int(expressions(pod)["nvidia.com/gpu.memory"][0]) * 1024**2 >= SMALLEST_GPU
        bound = int(settings(manifests)[f"{name.upper()}_MODEL_MEMORY_BYTES"])
        assert 0 < bound <= 0.8 * SMALLEST_GPU / 2


def test_one_gpu_is_shared_by_leases(render: Callable[[str], list[Manifest]]) -> None:
    manifests = render("overlays/single-gpu")
    found, variables = pods(manifests), settings(manifests)
    sharing = {name: pod for name, pod in found.items() if device(pod)}
    assert sharing.keys() == {"tts", "asr", "conversion", "jobs"}
    for pod in sharing.values():
        assert device(pod) == ["nvidia.com/gpu.shared"]
        assert pod["runtimeClassName"] == "nvidia"
        assert expressions(pod)["nvidia.com/gpu.sharing-strategy"] == ["time-slicing"]
        assert int(expressions(pod)["nvidia.com/gpu.memory"][0]) * 1024**2 >= SMALLEST_GPU
        [together] = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        [expression] = together["labelSelector"]["matchExpressions"]
        assert set(expression["values"]) == sharing.keys()
        mounts = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
        volumes = {each["name"]: each for each in pod["volumes"]}
        leases = volumes[mounts[variables["VOICEBOX_DEVICE_LEASES"]]]
        assert leases["persistentVolumeClaim"] == {"claimName": "device-leases"}, "all lock the same files"
    replicas = {
        each["metadata"]["name"]: each["spec"]["replicas"] for each in manifests if each["kind"] == "StatefulSet"
    }
    assert all(replicas[name] == 1 for name in sharing)


def test_what_the_services_and_a_training_take_fits_into_the_one_gpu(render: Callable[[str], list[Manifest]]) -> None:
    variables = settings(render("overlays/single-gpu"))
    taken = {name: int(variables[f"{name}_DEVICE_BYTES"]) for name in ("TTS", "ASR", "CONVERSION")}
    for name, size_bytes in taken.items():
        assert 0 < int(variables[f"{name}_MODEL_MEMORY_BYTES"]) < size_bytes
    assert sum(taken.values()) + int(variables["JOBS_DEVICE_JOB_BYTES"]) <= SMALLEST_GPU
