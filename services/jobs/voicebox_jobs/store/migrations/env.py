"""What Alembic runs to migrate: on the connection that it is given, in the transaction that is open there."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], transactional_ddl=True, version_table="job_version"
)
with context.begin_transaction():
    context.run_migrations()
