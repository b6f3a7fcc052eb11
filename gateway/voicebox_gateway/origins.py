"""The origins whose web pages may call: GATEWAY_CORS_ORIGINS."""

import re
from collections.abc import Mapping

from voicebox_kit import variables
from voicebox_kit.errors import StartError

_DEFAULT = "http://localhost,http://localhost:*,http://127.0.0.1,http://127.0.0.1:*"


def allowed(env: Mapping[str, str]) -> tuple[str, ...]:
    """The origins that may call; `none` fits no page. StartError names one that is none."""
    origins = tuple(origin.strip() for origin in variables.text(env, "GATEWAY_CORS_ORIGINS", _DEFAULT).split(","))
    for origin in origins:
        if origin not in ("*", "none") and "://" not in origin:
            raise StartError(
                f"GATEWAY_CORS_ORIGINS must be none, * or origins such as https://example.org, not {origin!r}."
            )
    return origins


def pattern(origins: tuple[str, ...]) -> str:
    """One regular expression, also for RE2, for all of them. In an origin `*` stands for any port or any part of a
    name; alone, for every origin.
    """
    return "|".join(map(_one, origins))


def _one(origin: str) -> str:
    if origin == "*":
        return ".*"
    rest, colon, port = origin.rpartition(":")
    name, end = (rest, r":\d+") if colon and port == "*" else (origin, "")
    return re.escape(name).replace(r"\*", "[A-Za-z0-9.-]*") + end
