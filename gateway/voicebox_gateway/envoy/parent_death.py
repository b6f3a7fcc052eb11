"""Turns into the command that it is given, which the kernel will end when the process that started it ends.

    python parent_death.py PARENT_PID COMMAND [ARGUMENT...]

A script of its own: the same done in a forked copy of a threaded Python process (preexec_fn) can deadlock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent_pid: int, command: list[str]) -> None:
    """Ask for SIGKILL at the parent's death, and become `command`. Linux keeps the request across exec."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the request was made
        sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
