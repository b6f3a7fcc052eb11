"""What the deployment's tests share: the repository's root and the rendered manifests."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import utils

ROOT = Path(__file__).parents[2]

Manifest = dict[str, Any]


@pytest.fixture(autouse=True, scope="session")
def cached_schemas() -> Iterator[None]:
    """The checker reads its schemas for each object anew, 30 ms each; here once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        patch.setattr(utils, "all_versions", cache(utils.all_versions))
        yield


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def search_path() -> str:
    """PATH with the programs of our environment, as in the images."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


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


OVERLAYS = sorted(f"overlays/{path.name}" for path in (ROOT / "deploy/k8s/overlays").iterdir())


@pytest.fixture(params=OVERLAYS)
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
    return [_parsed(document) for document in rendered.stdout.split("\n---\n")]


@cache
def _parsed(document: str) -> Manifest:
    """Most of what is rendered is the same in many renderings."""
    manifest: Manifest = yaml.load(document, yaml.CSafeLoader)  # ten times as fast as Python's own
    return manifest


def _variables(manifests: list[Manifest], workload: Manifest) -> Iterator[tuple[str, str]]:
    maps = {manifest["metadata"]["name"]: manifest["data"] for manifest in manifests if manifest["kind"] == "ConfigMap"}
    container = workload["spec"]["template"]["spec"]["containers"][0]
    for source in container["envFrom"]:
        if "configMapRef" in source:  # a Secret is not ours to know
            yield from maps[source["configMapRef"]["name"]].items()
