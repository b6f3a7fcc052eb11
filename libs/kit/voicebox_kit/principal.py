"""Who calls, for whom, and what they may do."""

from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc

from .errors import Denied

HEADER = "x-voicebox-principal"
"""With authentication the value is signed (authentication.py); without it, it is the owner's name."""

LOCAL = "local"
"""The owner of everything where nobody authenticates."""

PLATFORM = "platform"
"""Who calls where a part of the platform calls another for nobody: it owns nothing."""

ADMIN = "admin"
"""The scope that includes all others, for every owner."""


@dataclass(frozen=True)
class Principal:
    """Who calls: whose data it is about, what may be done, and by which key. `key` is empty for a token of an OpenID
    provider, and for what the platform does by itself.

    `is_limited` says that limits hold for how much it uses, `stored_bytes` how much it may store, None for no limit;
    `is_counted` that its work is part of its owner's usage; `is_write` that this call of it stands in the audit. At
    `expires_at`, in seconds since 1970, its calls end.
    """

    owner: str
    scopes: frozenset[str] = frozenset()
    key: str = ""
    is_limited: bool = False
    is_counted: bool = True
    is_write: bool = False
    stored_bytes: int | None = None
    expires_at: float | None = None

    @property
    def is_admin(self) -> bool:
        """Whether this is about every owner."""
        return ADMIN in self.scopes


UNCOUNTED = ("x-voicebox-uncounted", "1")
"""Metadata of a call between services whose work is nobody's usage."""

current: ContextVar[Principal | None] = ContextVar("voicebox_principal", default=None)
"""The verified caller of the running call; None without authentication."""


def require(scopes: Collection[str]) -> None:
    """Denied("SCOPE_MISSING") where the running call's caller is known, and lacks one of these scopes."""
    caller = current.get()
    if caller is None or caller.is_admin:
        return
    for scope in scopes:
        if scope not in caller.scopes:
            raise Denied("SCOPE_MISSING", f"This key does not allow that. It needs the scope {scope}.")


def stored_limit() -> int | None:
    """How many bytes the owner of the running call may store; None for no limit."""
    caller = current.get()
    return caller.stored_bytes if caller else None


def owner(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    """Whose data the call is about. With authentication a call without a verified principal never gets here."""
    caller = current.get()
    if caller is not None:
        return caller.owner
    for key, value in context.invocation_metadata() or ():
        if key == HEADER and isinstance(value, str) and value:
            return value
    return LOCAL
