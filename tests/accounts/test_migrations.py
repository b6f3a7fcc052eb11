"""The migrations make the tables that the code has, on both databases, also beside the catalog's."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from voicebox_accounts.store.migrations import MIGRATIONS, VERSION_TABLE
from voicebox_accounts.store.opening import VARIABLE, open_database
from voicebox_accounts.store.tables import TABLES
from voicebox_catalog.store import opening as catalog
from voicebox_sql import database
from voicebox_sql.database import Pool


def difference(connection):
    options = {"version_table": VERSION_TABLE, "include_name": lambda name, kind, _: kind != "table" or is_ours(name)}
    return compare_metadata(MigrationContext.configure(connection, opts=options), TABLES.metadata)


def is_ours(name):
    return name.startswith("account_") and name != VERSION_TABLE


async def test_the_tables_are_those_of_the_code(database_url):
    url = database.database_url(database_url, VARIABLE)
    async with database.connected(url, Pool()) as (_, writers):
        assert await MIGRATIONS.upgrade(writers) == MIGRATIONS.revisions()
        assert await MIGRATIONS.upgrade(writers) == ()
        async with writers.begin() as connection:
            assert await connection.run_sync(difference) == []


async def test_the_catalog_and_accounts_share_a_database(database_url):
    async with catalog.open_database(database_url), open_database(database_url):
        pass
    async with open_database(database_url), catalog.open_database(database_url):
        pass
    url = database.database_url(database_url, VARIABLE)
    async with database.connected(url, Pool()) as (_, writers), writers.begin() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    assert {"profiles", "account_keys", "alembic_version", VERSION_TABLE} <= set(names)
