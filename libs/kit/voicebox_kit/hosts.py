"""The names by which this server may be called. A page whose name is made to lead to a loopback address (DNS rebinding)
calls by its own name, and is refused.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence

from . import variables
from .errors import StartError

VARIABLE = "GATEWAY_HOSTS"
ANY = "*"
IP_ADDRESS = r"\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+(%25[0-9A-Za-z.]+)?\]"
"""As a Host header has it. No page's name is one, so that none can be made to lead elsewhere."""
_LOOPBACK_NAMES = r"([A-Za-z0-9-]+\.)*localhost\.?"
_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def allowed(env: Mapping[str, str]) -> tuple[str, ...]:
    """The names that GATEWAY_HOSTS adds, as `speech.example.org` or `*.example.org`; `*` is every name. StartError
    names one that is none.
    """
    names = tuple(name.strip() for name in variables.text(env, VARIABLE, "").split(",") if name.strip())
    for name in names:
        if name != ANY and not _NAME.fullmatch(name):
            raise StartError(
                f"{VARIABLE} must be names without a port, such as speech.example.org or *.example.org, not {name!r}."
            )
    return names


def pattern(names: Sequence[str]) -> str:
    """A regular expression, also for RE2, that a Host header fits whole when the server may be called so: by an IP
    address, as localhost, or by one of `names`; whatever the port.
    """
    if ANY in names:
        return ".*"
    added = [re.escape(name.lower()).replace(r"\*", "[A-Za-z0-9_.-]+") for name in names]
    return f"(?i)({'|'.join([IP_ADDRESS, _LOOPBACK_NAMES, *added])})(:\\d+)?"


def is_loopback(address: str) -> bool:
    """Whether `host:port` is reached from this machine alone."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
