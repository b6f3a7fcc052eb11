"""What a key allows."""

from enum import StrEnum


class Scope(StrEnum):
    """What a key allows; ADMIN includes all others, for every owner."""

    SPEAK = "speak"
    HEAR = "hear"
    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"
