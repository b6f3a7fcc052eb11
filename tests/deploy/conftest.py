"""What the deployment's tests share: the repository's root and the rendered manifests."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]

Manifest = dict[str, Any]


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def render() -> Callable[[str], list[Manifest]]:
    """Gives the manifests of a folder under deploy/k8s."""
    return _render


@pytest.fixture
def rendered_with(
    render: Callable[[str], list[Manifest]], root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Sequence[str]], list[Manifest]]:
    """Gives the manifests of the base with these components, in this order."""

    def rendered(components: Sequence[str]) -> list[Manifest]:
        k8s, folder = root / "deploy/k8s", tmp_path_factory.mktemp("overlay")
        paths = {"resources": ["base"], "components": [f"components/{name}" for name in components]}
        relative = {kind: [os.path.relpath(k8s / path, folder) for path in each] for kind, each in paths.items()}
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(relative))
        return render(os.path.relpath(folder, k8s))

    return rendered


@pytest.fixture(params=["overlays/local", "overlays/gpu", "overlays/production"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """The manifests of each overlay in turn."""
    return _render(request.param)


@pytest.fixture
def workloads(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The Deployments and StatefulSets by their names."""
    return {
        manifest["metadata"]["name"]: manifest
        for manifest in manifests
        if manifest["kind"] in ("Deployment", "StatefulSet")
    }


@pytest.fixture
def variables(manifests: list[Manifest], workloads: dict[str, Manifest]) -> dict[str, dict[str, str]]:
    """The environment that each workload's container gets from its ConfigMaps."""
    return {name: dict(_variables(manifests, workload)) for name, workload in workloads.items()}


@cache
def _render(folder: str) -> list[Manifest]:
    rendered = subprocess.run([ROOT / "deploy/render.sh", folder], capture_output=True, text=True, check=False)
    if rendered.returncode:
        pytest.fail(
            f"{rendered.stderr}\ndeploy/fetch-tools.sh fetches a kustomize that renders these manifests.", pytrace=False
        )
    return list(yaml.safe_load_all(rendered.stdout))


def _variables(manifests: list[Manifest], workload: Manifest) -> Iterator[tuple[str, str]]:
    maps = {manifest["metadata"]["name"]: manifest["data"] for manifest in manifests if manifest["kind"] == "ConfigMap"}
    container = workload["spec"]["template"]["spec"]["containers"][0]
    for source in container["envFrom"]:
        if "configMapRef" in source:  # a Secret is not ours to know
            yield from maps[source["configMapRef"]["name"]].items()
