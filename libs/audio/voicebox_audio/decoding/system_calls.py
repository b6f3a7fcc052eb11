"""Which system calls a process that reads untrusted files may make: a seccomp filter (seccomp(2), Linux 3.5).

Memory, time, and reading and writing what is open already; all else answers EPERM. Not among them are: open, socket,
connect, fork, exec, kill, ptrace, process_vm_readv, rename.
"""

import ctypes
import platform
import struct

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_EFAULT, _EPERM = 14, 1

# Of include/uapi/linux/bpf_common.h, filter.h and seccomp.h.
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | _EPERM
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_X32 = 0x40000000

# By name: the numbers on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl) and on others (asm-generic/unistd.h); None
# where there is none.
_ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, None),
    "ppoll": (271, 73),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "readv": (19, 65),
    "writev": (20, 66),
    "select": (23, None),
    "pselect6": (270, 72),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "shutdown": (48, 210),
    "getsockopt": (55, 209),
    "getsockname": (51, 204),
    "getrusage": (98, 165),
    "futex": (202, 98),
    "getrandom": (318, 278),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""AUDIT_ARCH of linux/audit.h, and the column of the table."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def can_restrict() -> bool:
    """Whether this kernel and machine can restrict system calls."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, None, 0, 0)
    return ctypes.get_errno() == _EFAULT and platform.machine() in _MACHINES


def restrict() -> None:
    """Allow this process nothing else from now on; nothing happens where `can_restrict` is False. It must have no
    privilege to gain: PR_SET_NO_NEW_PRIVS.
    """
    if not can_restrict():
        return
    code = _filter(*_MACHINES[platform.machine()])
    program = _Program(len(code) // 8, ctypes.cast(ctypes.create_string_buffer(code, len(code)), ctypes.c_void_p).value)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "system calls cannot be restricted")


def _filter(architecture: int, column: int) -> bytes:
    numbers = sorted(number for each in _ALLOWED.values() if (number := each[column]) is not None)
    refuse_at = 5 + len(numbers)  # behind the tests; a jump counts from the next instruction
    head = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_JUMP_IF_EQUAL, architecture, on_true=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER_AT),
        _instruction(_JUMP_IF_AT_LEAST, _X32, on_true=refuse_at - 5),
    ]
    tests = [
        _instruction(_JUMP_IF_EQUAL, number, on_true=refuse_at - (5 + index)) for index, number in enumerate(numbers)
    ]
    return b"".join([*head, *tests, _instruction(_RETURN, _REFUSE), _instruction(_RETURN, _ALLOW)])


def _instruction(code: int, value: int, on_true: int = 0) -> bytes:
    return struct.pack("=HBBI", code, on_true, 0, value)
