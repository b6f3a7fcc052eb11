"""Client secrets, `ek_...`: short-lived keys for pages, made by a server that has a key.

Without authentication a secret carries a session's settings and protects nothing. With it, the settings are followed by
a dot and a signed statement of who made them.
"""

import hashlib
from dataclasses import dataclass

from .authentication import Authentication
from .principal import Principal

PREFIX = "ek_"
SESSION_HEADER = "x-voicebox-session"
"""In which the gateway hands on the settings of a secret that it has verified."""


@dataclass(frozen=True)
class ClientSecret:
    """The settings, as they stand in the secret with its prefix, and who made it."""

    settings: str
    principal: Principal


def signed(settings: str, principal: Principal, expires_at: float, authentication: Authentication) -> str:
    """The secret with these settings, which begin with the prefix."""
    claims = {
        "o": principal.owner,
        "s": sorted(principal.scopes),
        "k": principal.key,
        "x": principal.expires_at,
        "e": expires_at,
        "d": _digest(settings),
    }
    return f"{settings}.{authentication.sealed(claims)}"


def opened(secret: str, authentication: Authentication) -> ClientSecret | None:
    """What a secret says; None when it is not ours or has expired."""
    settings, _, statement = secret.partition(".")
    claims = authentication.opened(statement)
    if claims is None or claims.get("d") != _digest(settings):
        return None
    caller = Principal(claims["o"], frozenset(claims["s"]), claims["k"], expires_at=claims["x"])
    return ClientSecret(settings, caller)


def _digest(settings: str) -> str:
    return hashlib.sha256(settings.encode()).hexdigest()
