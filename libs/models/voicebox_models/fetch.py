"""Fetches models without a server: `python -m voicebox_models.fetch voicebox.asr.engines models/whisper/small`."""

import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import TextIO

from voicebox_kit.errors import StartError, VoiceboxError

from . import settings, store
from .choosing import installed, named
from .engine import Downloadable, Family, Loadable, Setup
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
    setup = Setup("auto", "auto", settings.models_folder(env), hub=settings.hub(env), packaged=settings.packaged(env))
    try:
        families = {name: family for group in words.groups for name, family in installed(group, setup).items()}
        suitable = [engine for family in families.values() for engine in family.recommended()]
        engines = [_engine(families, name) for name in words.models] or suitable
        for engine in engines:
            _fetch(engine, setup, out)
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
        if not isinstance(engine.files, Downloadable):
            raise StartError(engine.files.instructions)
        engine.files.download(_printer(name, out))
        print(f"{name} is here.", file=out)
        return
    folder = store.folders(setup.models_folder, engine.name).get(engine.model.name)
    if folder and store.manifest(folder) and (damage := store.verify(folder)):
        raise StartError(f"{name} is damaged: {' '.join(damage)} Remove {folder}, and fetch it again.")
    print(f"{name} is here already.", file=out)


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
