"""Writes what each image installs from a registry as a CycloneDX file: `make sbom`.

It is made of the lock files, by which the images are installed: names, versions and hashes. What the base image and
Debian's packages bring is not in it.
"""

import os
import subprocess
import sys
from pathlib import Path

from lock import LOCKS, ROOT, Lock


def written(cyclonedx: str, lock: Lock, folder: Path) -> Path:
    """The file of one image; CalledProcessError when the program refuses the lock."""
    path = folder / f"voicebox-{lock.name}.cdx.json"
    command = [cyclonedx, "requirements", str(lock.path), "--pyproject", str(ROOT / lock.folder / "pyproject.toml")]
    options = ["--output-format", "JSON", "--output-reproducible", "--output-file", str(path)]
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}  # that a lock does not say what needs what
    subprocess.run([*command, *options], check=True, env=quiet)
    return path


if __name__ == "__main__":
    out = ROOT / "out/sbom"
    out.mkdir(parents=True, exist_ok=True)
    for each in LOCKS:
        print(written(sys.argv[1], each, out))
