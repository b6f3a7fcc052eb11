"""Which device an engine runs on."""

import os
from pathlib import Path

from voicebox_kit.errors import StartError


def cpu_only(engine: str, device: str) -> str:
    """`cpu`, for an engine that knows no other; StartError when the person named another."""
    if device not in ("auto", "cpu"):
        raise StartError(f"{engine} runs on cpu, there is no device {device!r} for it.")
    return "cpu"


def usable_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many cores this process may use: those that it may run on, and no more than its container's share of time
    amounts to.
    """
    cores = len(os.sched_getaffinity(0))
    try:
        share, period = quota.read_text().split()
        return min(cores, max(1, round(int(share) / int(period))))
    except (OSError, ValueError):  # no container, or no limit: "max"
        return cores
