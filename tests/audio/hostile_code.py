"""What hostile code in a decoder would try, by the numbers of x86-64: a program that writes what did not answer EPERM,
then `done`. With an argument it runs as the user nobody.
"""

import ctypes
import os
import sys

from voicebox_audio.decoding import confinement
from voicebox_audio.decoding.limits import Limits

libc = ctypes.CDLL(None, use_errno=True)
parent, path, buffer = os.getppid(), ctypes.c_char_p(b"/etc/passwd"), ctypes.create_string_buffer(64)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
calls = {
    "open": (2, path, 0),
    "openat": (257, -100, path, 0),
    "openat2": (437, -100, path, buffer, 24),
    "socket": (41, 2, 1, 0),
    "socketpair": (53, 1, 1, 0, buffer),
    "connect": (42, 0, buffer, 16),
    "bind": (49, 0, buffer, 16),
    "fork": (57,),
    "vfork": (58,),
    "clone": (56, 17, 0, 0, 0, 0),
    "clone3": (435, buffer, 64),
    "execve": (59, path, 0, 0),
    "execveat": (322, -100, path, 0, 0, 0),
    "kill": (62, parent, 0),
    "tgkill": (234, parent, parent, 0),
    "tkill": (200, parent, 0),
    "pidfd_open": (434, parent, 0),
    "rename": (82, path, path),
    "mkdir": (83, path, 0o700),
    "unlink": (87, path),
    "chmod": (90, path, 0),
    "link": (86, path, path),
    "ptrace": (101, 16, parent, 0, 0),
    "process_vm_readv": (310, parent, vector, 1, vector, 1, 0),
    "process_vm_writev": (311, parent, vector, 1, vector, 1, 0),
    "shmget": (29, 0, 4096, 0o1600),
    "memfd_create": (319, path, 0),
    "userfaultfd": (323, 0),
    "io_uring_setup": (425, 1, buffer),
    "bpf": (321, 0, buffer, 64),
    "mount": (165, path, path, path, 0, 0),
    "setuid": (105, 0),
    "prctl": (157, 4, 1, 0, 0, 0),
    "prlimit64": (302, parent, 7, 0, 0),
    "read by the x32 table": (0x40000000, 0, buffer, 1),
    "open by the x32 table": (0x40000002, path, 0),
}
confinement.confine_permanently()
if len(sys.argv) > 1:
    os.setresuid(65534, 65534, 65534)
confinement.confine_to(Limits(), confinement.address_space_bytes())
for name, (number, *arguments) in calls.items():
    ctypes.set_errno(0)
    answer = libc.syscall(ctypes.c_long(number), *arguments)
    if answer != -1 or ctypes.get_errno() != 1:
        os.write(1, f"{name} answered {answer}, errno {ctypes.get_errno()}\n".encode())
        if name in ("fork", "vfork", "clone") and not answer:
            os._exit(0)
os.write(1, b"done\n")
