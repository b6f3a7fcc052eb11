"""A trainer whose options say what it does; each time that it is begun is a line of the file `begun`."""

import errno
import os
import signal
import time
from pathlib import Path

from voicebox_kit.errors import Precondition
from voicebox_models.trainer import DEVICE, Progress, Result


class OutOfMemoryError(RuntimeError):
    """Called like that of torch."""


class FakeTrainer:
    """Found by entry point in the folder beside this file."""

    name = "fake"

    def train(self, recordings, options, folder, progress, turn):
        note(options, f"begun {os.getpid()}")
        match options.get("do"):
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "refuse":
                raise Precondition("TOO_SILENT", "recordings", "The recordings are silent.")
            case "fill":
                raise OSError(errno.ENOSPC, "No space left on device")
            case "out of memory":
                raise OutOfMemoryError
            case "hang":
                while True:
                    turn.give(lambda: note(options, "saved"))
                    progress(Progress(0.5, "epoch 1 of 2"))
                    time.sleep(0.05)
        for epoch in range(int(options.get("epochs", "1"))):
            turn.give(lambda: note(options, "saved"))
            if not (folder / f"epoch{epoch}").exists():
                time.sleep(float(options.get("seconds", "0")))
                (folder / f"epoch{epoch}").touch()
                note(options, f"epoch {epoch}")
            progress(Progress((epoch + 1) / int(options.get("epochs", "1")), f"epoch {epoch + 1}"))
        (folder / "model.safetensors").write_bytes(b"".join(path.read_bytes() for path in recordings)[:1000])
        note(options, "ended")
        return Result(("model.safetensors",), {"loss": 0.5}, 1.0, (f"It is a fake on {os.environ[DEVICE]}.",))


def note(options, line):
    """A line that is on the disk when the process dies."""
    if "log" in options:
        with Path(options["log"]).open("a") as log:
            log.write(f"{options['name']} {line}\n")
