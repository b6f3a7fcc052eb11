"""Tokens of an OpenID provider (JWT, RFC 7519): who they are for, by the provider's public keys."""

import asyncio
import hashlib
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import jwt
from voicebox_kit.errors import StartError, Unauthenticated
from voicebox_kit.principal import Principal

from .scopes import Scope

log = logging.getLogger(__name__)

SCOPE_PREFIX = "voicebox."
"""Of our scopes in a token, as in `voicebox.speak`: a provider's own `admin` is none of ours."""
REQUIRED = ["exp", "iss", "sub", "aud"]
LEEWAY_SECONDS = 10
MAX_AGE_SECONDS = 300.0
"""Of keys that were fetched."""
RETRY_SECONDS = 10.0
"""Keys are not fetched more often, however many tokens name one that is not known."""
FETCH_SECONDS = 5.0
MAX_BYTES = 1 << 20


class KeySource(Protocol):
    """The public keys of a provider."""

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; None when there is none."""


class TokenVerifier:
    """Accepts tokens of one issuer, for one audience, signed by one of the pinned algorithms, and not expired."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: KeySource,
        algorithms: tuple[str, ...],
        scope_claim: str,
        usual_scopes: tuple[str, ...],
    ) -> None:
        self._issuer, self._audience, self._keys, self._algorithms = issuer, audience, keys, list(algorithms)
        self._scope_claim, self._usual_scopes = scope_claim, usual_scopes

    async def principal(self, token: str) -> Principal:
        """Who a token is for. Raises Unauthenticated."""
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.find(str(header.get("kid", "")))
            if key is None:
                raise _invalid()
            claims = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED},
            )
            expires_at = float(claims["exp"]) + LEEWAY_SECONDS
        except (jwt.PyJWTError, OverflowError) as error:
            raise _invalid() from error
        if not claims["sub"]:
            raise _invalid()
        return Principal(owner_of(claims["iss"], claims["sub"]), self._scopes(claims), expires_at=expires_at)

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        given = claims.get(self._scope_claim, "")
        names = given.split() if isinstance(given, str) else list(map(str, given)) if isinstance(given, list) else []
        ours = {name.removeprefix(SCOPE_PREFIX) for name in names if name.startswith(SCOPE_PREFIX)}
        return frozenset((ours & set(Scope)) or self._usual_scopes)


class KeyFile:
    """Keys in a file (JWKS, RFC 7517), read anew when it changes; a broken file leaves the keys as they were."""

    def __init__(self, path: Path) -> None:
        """Raises StartError when the file cannot be used."""
        self._path = path
        try:
            self._keys, self._changed = _keys(path.read_bytes()), path.stat().st_mtime_ns
        except (OSError, ValueError) as error:
            raise StartError(f"ACCOUNTS_JWT_KEYS names no JWKS file: {path}: {error}") from error

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._changed:
                self._keys, self._changed = _keys(self._path.read_bytes()), changed
        except (OSError, ValueError) as error:
            log.warning("the keys of the token provider cannot be read: %s", error)
        return self._keys.get(key_id)


class KeyUrl:
    """Keys at a URL, fetched when they are old, or when a token names one that is not known."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises StartError for a URL that anybody on the way could change."""
        if not _is_safe(url):
            raise StartError("ACCOUNTS_JWT_KEYS must be a path, or a URL that begins with https://.")
        self._url, self._clock = url, clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched = self._tried = -1e9
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        if key_id not in self._keys or self._clock() - self._fetched > MAX_AGE_SECONDS:
            async with self._fetching:
                await self._fetch()
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        if self._clock() - self._tried < RETRY_SECONDS:
            return
        self._tried = self._clock()
        try:
            self._keys = _keys(await asyncio.to_thread(_download, self._url))
            self._fetched = self._clock()
        except (OSError, ValueError) as error:
            log.warning("the keys of the token provider cannot be fetched: %s", error)


def owner_of(issuer: str, subject: str) -> str:
    """The owner for an issuer's subject: a name that neither a person nor another issuer can choose."""
    return f"jwt-{hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()[:32]}"


def _is_safe(url: str) -> bool:
    """Whether this is a URL, and nobody on the way could change what is there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))


def _download(url: str) -> bytes:
    """Raises OSError, and ValueError where it leads to a URL that is not safe."""
    with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:  # noqa: S310 - the scheme was checked
        if not _is_safe(answer.geturl()):
            raise ValueError(f"it leads to {answer.geturl()[:200]}")
        body: bytes = answer.read(MAX_BYTES)
        return body


def _keys(text: bytes) -> Mapping[str, jwt.PyJWK]:
    """By their ids; ValueError when it is no JWKS. Keys without an id, for encryption, and secrets, are left out."""
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(text)).keys
    except (jwt.PyJWTError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    usable = (key for key in found if key.key_type != "oct" and key.public_key_use in (None, "sig"))
    return {key.key_id: key for key in usable if key.key_id and isinstance(key.key_id, str)}


def _invalid() -> Unauthenticated:
    return Unauthenticated("TOKEN_INVALID", "The token is not valid.")
