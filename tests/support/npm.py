"""Other people's packages from npm, each set in a folder of its own, as their users have them: the twin of sdk.py."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .sdk import FOLDER, RegistryAway

REGISTRY_AWAY = ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "network request", "ERR_SOCKET_TIMEOUT")
LONGEST_SECONDS = 300
"""A program that hangs ends, and its test with it."""


def npm_folder(name: str, *packages: str) -> Path:
    """A folder with these packages, made once and kept. Raises RegistryAway where no registry answers.

    Workers that want the same one at the same time wait for the first of them.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    home = FOLDER / f"npm-{name}"
    stamp, wanted = home / "packages.txt", "\n".join(packages)
    with (FOLDER / f"npm-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            (home / "package.json").write_text('{"private": true, "type": "module"}')
            command = [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel=error",
                "--save-exact",
                *packages,
            ]
            done = subprocess.run(command, cwd=home, check=False, capture_output=True, text=True)
            if done.returncode and any(sign in done.stderr for sign in REGISTRY_AWAY):
                raise RegistryAway(done.stderr.strip().splitlines()[-1])
            assert done.returncode == 0, done.stderr
            stamp.write_text(wanted)
    return home


def run_node(home: Path, program: Path, *arguments: str) -> Any:
    """What a program of ours, which uses the packages in `home`, prints: one line of JSON at its end."""
    copied = home / program.name  # modules are looked for beside the program
    copied.write_text(program.read_text())
    done = subprocess.run(
        ["node", copied, *arguments], check=False, capture_output=True, text=True, timeout=LONGEST_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])
