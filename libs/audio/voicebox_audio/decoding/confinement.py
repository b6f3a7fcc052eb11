"""What a process that reads untrusted files may do: compute, and use the sockets that it has."""

import ctypes
import os
import resource
from pathlib import Path

from . import system_calls
from .limits import Limits

_PR_SET_NO_NEW_PRIVS = 38


def confine_permanently() -> None:
    """For the fork server, and so for all its children: no new privileges by exec, no file grows, no core is dumped."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def confine_to(limits: Limits, own_bytes: int) -> None:
    """For a child: bounded memory and processor time, no new process or thread, not one file or socket more than it
    has, and only the system calls that decoding needs (system_calls.py).

    `own_bytes` is the address space that it started with. At the soft limit of time SIGXCPU comes, a second later
    SIGKILL.
    """
    memory = own_bytes + limits.memory_bytes + limits.max_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    system_calls.restrict()


def address_space_bytes() -> int:
    """The address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
