"""Credentials become callers: keys by the database, tokens by their signature, client secrets by ours."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from voicebox_kit import client_secrets
from voicebox_kit.authentication import Authentication
from voicebox_kit.errors import Unauthenticated
from voicebox_kit.principal import Principal
from voicebox_sql.clock import Clock

from voicebox_accounts.effective_limits import EffectiveLimits, effective
from voicebox_accounts.keys import secrets
from voicebox_accounts.store.keys import KeyStore, is_valid
from voicebox_accounts.store.limits import LimitStore

CACHE_SECONDS = 1.0
MAX_CACHED = 10_000
LIMITS_OF_WORK = ("concurrent_streams", "characters_per_day", "audio_seconds_per_day", "model_downloads_per_day")
"""Those that are checked where the work is done."""


@dataclass(frozen=True)
class Caller:
    """Who calls, and the limits that hold for it. `session` are the settings of a Realtime session that came with a
    client secret.
    """

    principal: Principal
    limits: EffectiveLimits = field(default_factory=EffectiveLimits)
    session: str = ""

    @property
    def limited_principal(self) -> Principal:
        """The principal, with what services have to know about its limits."""
        stored = self.limits.get("stored_bytes")
        is_limited = any(self.limits.get(name) for name in LIMITS_OF_WORK)
        return replace(self.principal, is_limited=is_limited, stored_bytes=stored.maximum if stored else None)


class Tokens(Protocol):
    """Verifies tokens of an OpenID provider."""

    async def principal(self, token: str) -> Principal:
        """Raises Unauthenticated."""


class Callers:
    """Finds callers, and caches what was found for a second: the longest that a revoked key is still accepted."""

    def __init__(
        self,
        keys: KeyStore,
        limits: LimitStore,
        tokens: Tokens | None,
        authentication: Authentication,
        clock_us: Clock,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys, self._limits, self._tokens, self._authentication = keys, limits, tokens, authentication
        self._clock_us, self._clock = clock_us, clock
        self._cached: dict[str, tuple[Caller | None, float]] = {}

    async def find(self, credential: str) -> Caller:
        """Who a credential belongs to. Raises Unauthenticated."""
        if not credential:
            raise Unauthenticated("KEY_MISSING", "A key is needed: send it as `authorization: Bearer KEY`.")
        name = secrets.digest(credential)
        caller, until = self._cached.get(name, (None, 0.0))
        if until <= self._clock():
            caller = await self._look_up(credential, name)
            self._cache(name, caller)
        if caller is None:
            raise Unauthenticated("KEY_INVALID", "The key is not valid: it is wrong, was revoked, or has expired.")
        return caller

    def forget(self) -> None:
        """Look up everything anew: a key or a limit has changed."""
        self._cached.clear()

    async def _look_up(self, credential: str, digest: str) -> Caller | None:
        try:
            if credential.startswith(secrets.PREFIX):
                return await self._with_key(digest)
            if credential.startswith(client_secrets.PREFIX):
                return await self._with_client_secret(credential)
            principal = await self._tokens.principal(credential) if self._tokens else None
        except Unauthenticated:
            return None
        return Caller(principal, await self._limits_of(principal)) if principal else None

    async def _with_key(self, digest: str) -> Caller | None:
        found = await self._keys.with_digest(digest)
        if found is None or not is_valid(found[0], self._clock_us()):
            return None
        key, limits = found
        principal = Principal(key.owner, frozenset(key.scopes.split()), key.id)
        return Caller(principal, effective(_subjects(principal), limits))

    async def _with_client_secret(self, credential: str) -> Caller | None:
        """It is valid for as long as the key by which it was made."""
        found = client_secrets.opened(credential, self._authentication)
        if found is None:
            return None
        principal = found.principal
        if principal.key and not await self._keys.valid([principal.key], self._clock_us()):
            return None
        return Caller(principal, await self._limits_of(principal), found.settings)

    async def _limits_of(self, principal: Principal) -> EffectiveLimits:
        return effective(_subjects(principal), await self._limits.of(_subjects(principal)))

    def _cache(self, name: str, caller: Caller | None) -> None:
        self._cached.pop(name, None)
        self._cached[name] = caller, self._clock() + CACHE_SECONDS
        while len(self._cached) > MAX_CACHED:
            del self._cached[next(iter(self._cached))]


def _subjects(principal: Principal) -> list[str]:
    """Whose limits hold for it, the most specific last."""
    return [f"owners/{principal.owner}"] + ([f"keys/{principal.key}"] if principal.key else [])
