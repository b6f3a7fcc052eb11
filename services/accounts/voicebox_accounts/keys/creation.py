"""Makes keys."""

import hashlib
import secrets as random
from dataclasses import dataclass

from voicebox_accounts.store.tables import Key

from . import secrets


@dataclass(frozen=True)
class NewKey:
    """A key, and the secret that is shown once."""

    key: Key
    secret: str


def new_key(owner: str, scopes: str, display_name: str, expire_us: int | None, request: str = "") -> NewKey:
    """A key that is not stored yet. `scopes` are names, separated by spaces. `request` names what asks for it: the same
    one of an owner makes a key with the same id. Empty: every key has another id.
    """
    secret = secrets.draw()
    key = Key(
        row=0,
        id=hashlib.sha256(f"{owner} {request}".encode()).hexdigest()[:16] if request else random.token_hex(8),
        digest=secrets.digest(secret),
        prefix=secrets.shown(secret),
        owner=owner,
        display_name=display_name,
        scopes=scopes,
        expire_us=expire_us,
    )
    return NewKey(key, secret)
