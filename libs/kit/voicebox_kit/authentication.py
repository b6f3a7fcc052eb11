"""What one part of the platform proves to another: signed principals, each for one call and a short time, and the
certificates of TLS.

The gateway's authorization (services/accounts) makes the first one of a request; a service that calls another makes a
new one. It is bound to the called method and the request id, and is accepted once by each process.
"""

import base64
import binascii
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import request_id, signing_keys, variables
from .errors import Unauthenticated
from .principal import HEADER, Principal
from .request_id import MAX_CHARACTERS
from .signing_keys import SigningKeys
from .tls import Tls, TlsSettings

VARIABLE, KEYS_VARIABLE = "VOICEBOX_AUTH", "VOICEBOX_SIGNING_KEYS"
OFF, KEYS = "off", "keys"
LIFE_SECONDS = 60.0
MAX_SEEN = 200_000
"""Of principals that one process remembers, so that none is used twice: 3,000 calls a second for a minute."""

WEB = "web"
"""What a principal for web names instead of a method: web has paths."""

Metadata = Iterable[tuple[str, str | bytes]]


class Authentication:
    """Signs and verifies principals; without keys authentication is off, and nothing is signed or verified. `tls` is by
    what the parts connect to each other, None for plain connections.
    """

    def __init__(
        self, keys: SigningKeys | None = None, clock: Callable[[], float] = time.time, tls: Tls | None = None
    ) -> None:
        self._keys, self._clock, self.tls = keys, clock, tls
        self._seen: dict[str, float] = {}

    @property
    def is_on(self) -> bool:
        """Whether callers must prove who they are."""
        return self._keys is not None

    def principal(self, method: str, metadata: Metadata) -> Principal | None:
        """The verified principal of a call; None when authentication is off. Raises Unauthenticated."""
        if self._keys is None:
            return None
        found = {key: value for key, value in metadata if key in (HEADER, request_id.HEADER)}
        return self.verified(str(found.get(HEADER, "")), method, str(found.get(request_id.HEADER, "")))

    def signed(self, principal: Principal, method: str, request: str) -> str:
        """The header's value for a call of `method`, such as `/voicebox.tts.v1.TextToSpeechService/Synthesize`, with
        this request id.
        """
        claims = {
            "o": principal.owner,
            "s": sorted(principal.scopes),
            "k": principal.key,
            "l": principal.is_limited,
            "c": principal.is_counted,
            "w": principal.is_write,
            "b": principal.stored_bytes,
            "x": principal.expires_at,
            "m": method,
            "r": _short(request),
            "e": self._clock() + LIFE_SECONDS,
            "n": secrets.token_urlsafe(9),
        }
        return self.sealed(claims)

    def verified(self, value: str, method: str, request: str) -> Principal:
        """The principal in a header's value. Raises Unauthenticated when it is missing, forged, expired, for another
        call, or was used before.
        """
        claims = self.opened(value)
        if claims is None or claims.get("m") != method or claims.get("r") != _short(request) or self._is_used(claims):
            raise Unauthenticated("PRINCIPAL_INVALID", "The caller did not prove who it is: call the gateway.")
        return Principal(
            owner=claims["o"],
            scopes=frozenset(claims["s"]),
            key=claims["k"],
            is_limited=claims["l"],
            is_counted=claims["c"],
            is_write=claims.get("w", False),  # which those that were signed before an update do not have
            stored_bytes=claims["b"],
            expires_at=claims["x"],
        )

    def sealed(self, claims: Mapping[str, Any]) -> str:
        """Any claims, signed; `e` is when they expire, in seconds since 1970."""
        assert self._keys is not None, "authentication is off"
        payload = json.dumps(claims, separators=(",", ":")).encode()
        name, code = self._keys.sign(payload)
        return f"{name}.{_encoded(payload)}.{_encoded(code)}"

    def opened(self, value: str) -> Mapping[str, Any] | None:
        """The claims of `sealed`; None when they are not ours or have expired."""
        assert self._keys is not None, "authentication is off"
        try:
            name, payload, code = value.split(".")
            message = _decoded(payload)
            if not self._keys.verify(name, message, _decoded(code)):
                return None
        except ValueError:
            return None
        claims: Mapping[str, Any] = json.loads(message)
        return claims if claims["e"] > self._clock() else None

    def _is_used(self, claims: Mapping[str, Any]) -> bool:
        """Whether it was used before in this process; from now on it is."""
        nonce = claims["n"]
        if nonce in self._seen:
            return True
        self._seen[nonce] = claims["e"]
        while len(self._seen) > MAX_SEEN or self._seen[next(iter(self._seen))] < self._clock():
            del self._seen[next(iter(self._seen))]
        return False


NO_AUTHENTICATION = Authentication()


@dataclass(frozen=True)
class AuthenticationSettings:
    """Whether callers must authenticate, the file of the signing keys, and TLS between the parts."""

    is_on: bool
    keys_path: Path
    creates_keys: bool
    tls: TlsSettings | None

    @classmethod
    def read(cls, env: variables.Environment) -> "AuthenticationSettings":
        """Raises StartError when a variable does not fit."""
        is_on = variables.choice(env, VARIABLE, (OFF, KEYS)) == KEYS
        default = str(Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "signing.keys")
        path = variables.text(env, KEYS_VARIABLE, default)
        return cls(is_on, Path(path), creates_keys=path == default, tls=TlsSettings.read(env))

    def open(self) -> Authentication:
        """Authentication as the settings say; makes the usual file of signing keys when there is none."""
        if self.is_on and self.creates_keys:
            signing_keys.create(self.keys_path)
        keys = SigningKeys(self.keys_path) if self.is_on else None
        return Authentication(keys, tls=Tls(self.tls) if self.tls else None)


def _short(request: str) -> str:
    """A client may send a long id, and gRPC refuses more than 8 KiB of metadata."""
    return request if len(request) <= MAX_CHARACTERS else hashlib.sha256(request.encode()).hexdigest()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """ValueError when it is not base64."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(text[:20]) from error
