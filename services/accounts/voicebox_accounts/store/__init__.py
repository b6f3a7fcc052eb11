"""The only place with SQL: keys, limits and usage in the database."""
