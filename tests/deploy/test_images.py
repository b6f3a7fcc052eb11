"""The Dockerfiles name what exists, build each service from exactly its packages, and run as the manifests' user."""

import json
import re
import shlex
import subprocess
import sysconfig
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Manifest

SERVICES = {
    "accounts": "services/accounts",
    "conversion": "services/conversion",
    "catalog": "services/catalog",
    "tts": "services/tts",
    "asr": "services/asr",
    "jobs": "services/jobs",
    "gateway": "gateway",
}
PACKAGES = {
    "voicebox-protos": "protos",
    "voicebox-kit": "libs/kit",
    "voicebox-blobs": "libs/blobs",
    "voicebox-audio": "libs/audio",
    "voicebox-models": "libs/models",
    "voicebox-compat": "libs/compat",
    "voicebox-lexicon": "libs/lexicon",
    "voicebox-outbox": "libs/outbox",
    "voicebox-metering": "libs/metering",
    "voicebox-sql": "libs/sql",
    "voicebox-client": "clients/python",
    **{f"voicebox-{name}": folder for name, folder in SERVICES.items()},
}

BESIDE = {"jobs": ("conversion",)}
"""Services whose trainers run in an image."""


@dataclass(frozen=True)
class Image:
    """A Dockerfile: the service's name, its package's metadata, and the instructions as (keyword, rest)."""

    name: str
    project: dict[str, Any]
    instructions: list[tuple[str, str]]

    def all(self, keyword: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == keyword]


@pytest.fixture(params=SERVICES)
def image(request: pytest.FixtureRequest) -> Image:
    folder = ROOT / SERVICES[request.param]
    return Image(request.param, _project(folder), _instructions((folder / "Dockerfile").read_text()))


def test_every_image_of_the_manifests_has_a_dockerfile_and_its_packages_version(workloads: dict[str, Manifest]) -> None:
    for name, workload in workloads.items():
        version = _project(ROOT / SERVICES[name])["version"]
        image = workload["spec"]["template"]["spec"]["containers"][0]["image"]
        plain = re.sub("-(qwen3|cuda|rvc)$", "", image)  # of the same Dockerfiles
        assert plain == f"voicebox-{name}:{version}"


def test_it_has_two_named_stages_on_one_base(image: Image) -> None:
    build, run = image.all("FROM")
    assert (build.split()[1:], run.split()[1:]) == (["AS", "build"], ["AS", "run"])
    assert (build.split()[0], run.split()[0]) == ("$BUILD_IMAGE", "$BASE_IMAGE")
    assert [each for each in image.all("ARG") if "_IMAGE" in each] == [
        "BASE_IMAGE=python:3.11-slim-bookworm",
        "BUILD_IMAGE=$BASE_IMAGE",
    ]


def test_its_labels_say_what_it_is(image: Image) -> None:
    label = " ".join(image.all("LABEL"))
    labels = dict(each.partition("=")[::2] for each in shlex.split(label))
    assert labels == {
        "org.opencontainers.image.title": f"voicebox-{image.name}",
        "org.opencontainers.image.version": image.project["version"],
        "org.opencontainers.image.licenses": image.project["license"],
        "org.opencontainers.image.description": image.project["description"],
        "org.opencontainers.image.revision": "$REVISION",
    }


def test_it_leaves_no_pip_inside(image: Image) -> None:
    assert any("pip uninstall --yes" in run for run in image.all("RUN"))
    assert "--without-pip" in " ".join(image.all("RUN"))


def test_every_source_exists_and_is_in_the_build_context(image: Image, root: Path) -> None:
    allowed = [line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [source for copy in image.all("COPY") if not copy.startswith("--from") for source in copy.split()[:-1]]
    for source in sources:
        assert (root / source).exists(), source
        assert any(
            path == source or Path(source) in Path(path).parents or Path(path) in Path(source).parents
            for path in allowed
        ), source


def test_it_installs_the_service_and_the_packages_it_stands_on(image: Image) -> None:
    install = next(
        shlex.split(re.sub(r"\$\{[^}]*\}", "", run)) for run in image.all("RUN") if " pip " in run
    )  # extras are arguments
    assert {word.removeprefix("./").partition("[")[0] for word in install if word.startswith("./")} == {
        PACKAGES[name] for root in (image.name, *BESIDE.get(image.name, ())) for name in _closure(f"voicebox-{root}")
    }
    assert "--no-build-isolation" in install  # which would fetch what has no hash


def test_it_runs_as_the_manifests_user(image: Image, render: Callable[[str], list[Manifest]]) -> None:
    contexts = [
        m["spec"]["template"]["spec"]["securityContext"]
        for m in render("base")
        if m["kind"] in ("Deployment", "StatefulSet")
    ]
    assert {f"{context['runAsUser']}:{context['runAsGroup']}" for context in contexts} == set(image.all("USER"))


def test_it_exposes_the_ports_of_the_manifests(image: Image, render: Callable[[str], list[Manifest]]) -> None:
    ports = [
        str(port["containerPort"])
        for manifest in render("base")
        if manifest["kind"] in ("Deployment", "StatefulSet") and manifest["metadata"]["name"] == image.name
        for port in manifest["spec"]["template"]["spec"]["containers"][0]["ports"]
    ]
    assert image.all("EXPOSE") == [" ".join(ports)]


def test_it_starts_a_command_and_services_that_exist(image: Image, root: Path) -> None:
    (entry_point,) = image.all("ENTRYPOINT")
    init, dashes, command, *services = json.loads(entry_point)
    assert (init, dashes) == ("tini", "--")  # a first process of its own loses SIGTERM until it has a handler
    assert "tini" in " ".join(image.all("RUN")).split()
    assert command in _project(root / "libs/kit").get("scripts", {})
    assert image.name in services
    assert set(services) <= image.project["entry-points"]["voicebox.services"].keys()


def test_hadolint_finds_nothing(root: Path) -> None:
    dockerfiles = [root / folder / "Dockerfile" for folder in SERVICES.values()]
    hadolint = Path(sysconfig.get_path("scripts"), "hadolint")
    found = subprocess.run([hadolint, "--no-color", *dockerfiles], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def _project(folder: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project


def _instructions(dockerfile: str) -> list[tuple[str, str]]:
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(keyword, rest) for keyword, _, rest in (line.partition(" ") for line in joined)]


def _closure(package: str) -> set[str]:
    """The package and all of ours that it depends on."""
    needs = [name for name in _project(ROOT / PACKAGES[package])["dependencies"] if name in PACKAGES]
    return {package}.union(*map(_closure, needs))


def test_the_first_key_is_made_by_a_command_that_the_image_of_accounts_has() -> None:
    installed = (ROOT / "services/accounts/Dockerfile").read_text()
    scripts = [_project(ROOT / folder).get("scripts", {}) for folder in PACKAGES.values() if f"./{folder}" in installed]
    commands = {name for each in scripts for name in each}
    written = re.findall(r"exec accounts-0 -- (\S+) keys create --local", (ROOT / "deploy/k8s/README.md").read_text())
    assert written
    assert set(written) <= commands


def test_the_guide_builds_every_image_and_waits_for_every_workload(render: Callable[[str], list[Manifest]]) -> None:
    guide = (ROOT / "deploy/README.md").read_text().split("## From an empty cluster to speech")[1].split("```")[1]
    [built, waited] = re.findall(r"^for \w+ in (.*); do$", guide, re.MULTILINE)
    assert sorted(built.split()) == sorted(SERVICES.values())
    workloads = [each for each in render("overlays/local") if each["kind"] in ("StatefulSet", "Deployment")]
    assert sorted(waited.split()) == sorted(f"{each['kind'].lower()}/{each['metadata']['name']}" for each in workloads)
    tags = {each["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2] for each in workloads}
    assert tags == set(re.findall(r"voicebox-\$\(basename \$service\):(\S+)", guide))
