"""The process of one training: a request comes in as a line of JSON; progress and the result go out as lines.

python -m voicebox_jobs.training.child PARENT_PID
"""

import ctypes
import errno
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1
"""Of linux/prctl.h."""

log = logging.getLogger(__name__)


def main(parent: int) -> None:
    """Train, and answer on what was the standard output; what the trainer prints goes to the standard error."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request above was made
        sys.exit(1)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        request = json.loads(sys.stdin.readline())
        _send(answers, _answer(request, answers))


def _answer(request: Mapping[str, Any], answers: IO[str]) -> Mapping[str, Any]:
    # Only now: what is imported here takes a second, and its parent may be gone meanwhile.
    from voicebox_kit import plugins  # noqa: PLC0415
    from voicebox_kit.errors import StartError, VoiceboxError  # noqa: PLC0415
    from voicebox_models.trainer import DEVICE, GROUP  # noqa: PLC0415

    os.environ[DEVICE] = request["device"]
    try:
        if "base_model" in request:
            return {"result": asdict(_adapter(request, answers))}
        trainer = plugins.load(GROUP, request["engine"])()
        recordings = [Path(path) for path in request["recordings"]]
        folder, turn = Path(request["folder"]), _turn(request, answers)
        result = trainer.train(recordings, request["options"], folder, _progress(answers), turn)
    except VoiceboxError as error:
        return {"error": {"code": int(error.code), "reason": error.reason, "sentence": error.sentence}}
    except StartError as error:
        return {"error": {"code": 9, "reason": "MODEL_NOT_LOADED", "sentence": str(error)}}
    except OSError as error:
        log.exception("the training failed")
        return _full() if error.errno in (errno.ENOSPC, errno.EDQUOT) else _broken()
    except Exception as error:
        log.exception("the training failed")
        return _device_full(request["device"]) if type(error).__name__ == "OutOfMemoryError" else _broken()
    return {"result": _plain(asdict(result))}


def _adapter(request: Mapping[str, Any], answers: IO[str]) -> Any:
    """An AdapterResult of voicebox_models.adapters.trainer."""
    from voicebox_kit import plugins  # noqa: PLC0415
    from voicebox_models import settings  # noqa: PLC0415
    from voicebox_models.adapters.base import engine_of, opened  # noqa: PLC0415
    from voicebox_models.adapters.trainer import GROUP, Task  # noqa: PLC0415
    from voicebox_models.engine import Setup  # noqa: PLC0415

    name, env = request["base_model"], os.environ
    trainer = plugins.load(GROUP, request["engine"])()
    setup = Setup("auto", "auto", settings.models_folder(env), hub=settings.hub(env), packaged=settings.packaged(env))
    base = engine_of(trainer.service, name, setup)
    with opened(base.files, name) as folder:
        task = Task(
            dataset=Path(request["dataset"]),
            base=folder,
            base_model=name,
            base_revision=base.model.revision,
            licence=base.model.licence,
            consent=request["consent"],
            speaker=request["speaker"] if trainer.service == "tts" else "",
            options=request["options"],
            folder=Path(request["folder"]),
            device=request["device"],
            turn=_turn(request, answers),
        )
        return trainer.train(task, _progress(answers))


def _full() -> Mapping[str, Any]:
    return {"error": {"code": 8, "reason": "STORAGE_FULL", "sentence": "The disk is full: delete something first."}}


def _device_full(device: str) -> Mapping[str, Any]:
    sentence = f"{device} has too little memory for it, or device_memory_bytes is too small."
    return {"error": {"code": 9, "reason": "DEVICE_MEMORY", "sentence": sentence}}


def _broken() -> Mapping[str, Any]:
    return {"error": {"code": 9, "reason": "TRAINER_FAILED", "sentence": "The trainer failed: the log says why."}}


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    metrics = {name: float(value) for name, value in result["metrics"].items()}
    return {**result, "files": list(result["files"]), "metrics": metrics, "warnings": list(result["warnings"])}


def _progress(answers: IO[str]) -> Callable[[Any], None]:
    def tell(progress: Any) -> None:
        _send(answers, {"fraction": float(progress.fraction), "stage": str(progress.stage)})

    return tell


def _turn(request: Mapping[str, Any], answers: IO[str]) -> Any:
    """A voicebox_models.trainer.Turn."""
    from voicebox_models.device_leases.folder import DeviceLeases  # noqa: PLC0415
    from voicebox_models.device_leases.turn import SharedTurn  # noqa: PLC0415
    from voicebox_models.trainer import OwnTurn  # noqa: PLC0415

    if "leases" not in request:
        return OwnTurn()

    def began(caller: str) -> None:
        if torch := sys.modules.get("torch"):
            torch.cuda.empty_cache()  # other processes cannot use what it keeps for later
        _send(answers, {"gives_way_to": caller})

    leases = DeviceLeases(Path(request["leases"]["root"]), request["leases"]["device"])
    return SharedTurn(leases, request["yield_seconds"], began, lambda seconds: _send(answers, {"goes_on": seconds}))


def _send(answers: IO[str], message: Mapping[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
