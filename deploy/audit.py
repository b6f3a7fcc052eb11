"""Looks for known vulnerabilities of what the images install, by the lock files. `make audit` runs it, with pip-audit.

It ends with 1 where there are some, and with 2 where the source of advisories cannot be asked, about some or at all.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lock import LOCKS


def main(pip_audit: str) -> int:
    """Audit every lock file; returns the exit status."""
    statuses = [_audited(pip_audit, lock.path) for lock in LOCKS]
    return 1 if 1 in statuses else max(statuses)


def _audited(pip_audit: str, path: Path) -> int:
    command = [pip_audit, "--disable-pip", "--require-hashes", "--format", "json", "--requirement", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (run.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        print(f"{path}: not audited, the source of advisories cannot be reached: {reason}")
        return 2
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    found = [f"{each['name']} {each['version']}: {bad['id']}" for each in packages for bad in each.get("vulns", ())]
    for line in found:
        print(f"{path}: {line}")
    if unknown:
        print(
            f"{path}: {len(unknown)} of {len(packages)} packages not audited: the source of advisories has no answer."
        )
    if not found and not unknown:
        print(f"{path}: {len(packages)} packages, no known vulnerability.")
    return 1 if found else 2 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
