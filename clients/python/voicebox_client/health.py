"""Which services answer, by the gateway's /healthz."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from .connection import is_loopback
from .errors import VoiceboxClientError


@dataclass(frozen=True)
class Health:
    """`services` maps each service's short name to its state, such as SERVING; `serving` is true when all of them
    are.
    """

    serving: bool
    services: Mapping[str, str]


def fetch_health(target: str, timeout_seconds: float) -> Health:
    """Asks the gateway at `host:port`. Raises VoiceboxClientError when none answers."""
    proxies = urllib.request.ProxyHandler({} if is_loopback(target) else None)
    try:
        with urllib.request.build_opener(proxies).open(f"http://{target}/healthz", timeout=timeout_seconds) as answer:
            return _parsed(answer.read(), serving=True)
    except urllib.error.HTTPError as error:
        with error:
            return _parsed(error.read(), serving=False)
    except (OSError, http.client.HTTPException) as error:
        raise VoiceboxClientError("UNAVAILABLE", "NO_ANSWER", f"No voicebox answers at {target}.") from error


def _parsed(body: bytes, serving: bool) -> Health:
    try:
        return Health(serving, dict(json.loads(body)["services"]))
    except (ValueError, TypeError, KeyError) as error:
        raise VoiceboxClientError(
            "UNKNOWN", "NOT_A_GATEWAY", "What answers there is not a voicebox gateway."
        ) from error
