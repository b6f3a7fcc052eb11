"""Makes keys."""

import secrets as random
from dataclasses import dataclass

from voicebox_accounts.store.tables import Key

from . import secrets


@dataclass(frozen=True)
class NewKey:
    """A key, and the secret that is shown once."""

    key: Key
    secret: str


def new_key(owner: str, scopes: str, display_name: str, expire_us: int | None) -> NewKey:
    """A key that is not stored yet. `scopes` are names, separated by spaces."""
    secret = secrets.draw()
    key = Key(
        row=0,
        id=random.token_hex(8),
        digest=secrets.digest(secret),
        prefix=secrets.shown(secret),
        owner=owner,
        display_name=display_name,
        scopes=scopes,
        expire_us=expire_us,
    )
    return NewKey(key, secret)
