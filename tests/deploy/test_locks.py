"""The lock files of the images are current, complete, and what the Dockerfiles install."""

import re
from pathlib import Path

import pytest

from deploy import lock as locks
from deploy.lock import LOCKS, Lock

PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)((?: ; [^\\]*)?) \\$", re.MULTILINE)
HASHES = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.fixture(params=LOCKS, ids=lambda lock: lock.name)
def lock(request: pytest.FixtureRequest) -> Lock:
    found: Lock = request.param
    return found


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    return {plain(found[1]): found[2] for found in PINNED.finditer(text)}


def test_it_was_made_of_what_is_needed_now(lock: Lock) -> None:
    assert lock.path.read_text().splitlines()[0] == f"# Made by `make lock` of {locks.digest(lock)}."


def test_another_requirement_or_version_makes_it_old(
    lock: Lock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = locks.digest(lock)
    changed = tmp_path / "constraints.txt"
    changed.write_text(locks.CONSTRAINTS.read_text().replace("numpy==", "numpy==9"))
    monkeypatch.setattr(locks, "CONSTRAINTS", changed)
    assert locks.digest(lock) != before


def test_every_package_has_hashes_and_the_tested_version(lock: Lock) -> None:
    tested = dict(line.split("==") for line in locks.CONSTRAINTS.read_text().splitlines() if "==" in line)
    tested = {plain(name): version for name, version in tested.items()}
    text = lock.path.read_text()
    entries = re.split(r"\n(?=\S)", text)[1:]
    assert len(entries) == len(pins(text)) > 10
    for entry in entries:
        [(name, version)] = pins(entry).items()
        assert HASHES.search(entry), entry
        assert version == tested.get(name, version), name


def test_it_has_every_package_that_is_required(lock: Lock) -> None:
    required = [*locks.requirements(lock), *locks.WITHOUT_DEPENDENCIES.get(lock.folder, ())]
    names = {plain(re.split(r"[\[<>=;! ]", each, maxsplit=1)[0]) for each in required}
    assert names <= pins(lock.path.read_text()).keys()


def test_the_image_is_installed_by_it(lock: Lock) -> None:
    dockerfile = (locks.ROOT / lock.folder / "Dockerfile").read_text()
    variant = "$VARIANT" if "ARG VARIANT=\n" in dockerfile else ""
    assert f"--require-hashes --no-deps --requirement {lock.folder}/requirements{variant}.lock" in dockerfile
    assert variant or not lock.variant
