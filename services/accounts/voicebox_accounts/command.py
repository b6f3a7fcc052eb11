"""Makes a key without having one: in the database, on the machine where it is."""

import asyncio
from collections.abc import Mapping, Sequence

from voicebox_kit.errors import StartError
from voicebox_kit.exposure import keep_files_private
from voicebox_sql.clock import now_us

from .keys.creation import new_key
from .keys.scopes import Scope
from .settings import Settings
from .store.keys import KeyStore
from .store.opening import open_database


def create_key(
    env: Mapping[str, str], owner: str, scopes: Sequence[str], display_name: str, expire_us: int | None
) -> str:
    """Create a key, and return its secret. Raises StartError when the database cannot be used."""
    keep_files_private(env)
    if unknown := set(scopes) - set(Scope):
        raise StartError(f"There is no scope {sorted(unknown)[0]!r}.")
    return asyncio.run(_create(Settings.read(env), owner, " ".join(scopes), display_name, expire_us))


async def _create(settings: Settings, owner: str, scopes: str, display_name: str, expire_us: int | None) -> str:
    settings.folder.mkdir(parents=True, exist_ok=True)
    made = new_key(owner, scopes, display_name, expire_us)
    async with open_database(settings.database_url, settings.pool) as database:
        await KeyStore(database).add(made.key, now_us())
    return made.secret
