"""Other people's SDKs, each in a virtual environment of its own: they pin what we do not, and are used as their users
have them.
"""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".tools" / "sdk"
UV = Path(sys.executable).with_name("uv")
REGISTRY_AWAY = ("Failed to fetch", "error sending request", "dns error", "Could not connect", "operation timed out")


class RegistryAway(Exception):
    """A package of somebody else is neither here nor to be had: the test says nothing, and does not pass."""

    def __init__(self, said: str) -> None:
        super().__init__(f"No package registry answers, and the package is not in {FOLDER}: {said}")


def sdk_environment(name: str, *requirements: str) -> Path:
    """The Python of an environment with these requirements, made once and kept. Raises RegistryAway where no registry
    answers.

    Workers that want the same one at the same time wait for the first of them.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    home = FOLDER / name
    python, stamp = home / "bin" / "python", home / "requirements.txt"
    wanted = "\n".join(requirements)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, str(home))
            _uv("pip", "install", "--quiet", "--python", str(python), *requirements)
            stamp.write_text(wanted)
    return python


def _uv(*arguments: str) -> None:
    done = subprocess.run([UV, *arguments], check=False, capture_output=True, text=True)
    if done.returncode and any(sign in done.stderr for sign in REGISTRY_AWAY):
        raise RegistryAway(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
