"""Secrets of keys: `vbx_` and 32 random bytes. Only their digests are stored."""

import base64
import hashlib
import secrets

PREFIX = "vbx_"
SECRET_BYTES = 32
SHOWN_CHARACTERS = len(PREFIX) + 6
"""Of a secret, to tell keys apart."""


def draw() -> str:
    """A new secret, in the letters of URL-safe base64."""
    return PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")


def digest(secret: str) -> str:
    """By which a secret is found. A plain hash is enough: nobody can try 2^256 of them."""
    return hashlib.sha256(secret.encode()).hexdigest()


def shown(secret: str) -> str:
    """The part of a secret that may be seen."""
    return secret[:SHOWN_CHARACTERS]
