"""What a platform without authentication keeps to this machine, and every platform to its user."""

import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from . import variables
from .authentication import AuthenticationSettings
from .errors import StartError
from .hosts import is_loopback

log = logging.getLogger(__name__)

INSECURE = "VOICEBOX_INSECURE"
OWN_FILES = 0o077
"""The umask: folders 0700, files 0600."""


def refuse_exposed(addresses: Mapping[str, str], env: Mapping[str, str]) -> None:
    """StartError for the first address, by the variable that names it, which others than this machine reach, unless
    they need a key, or VOICEBOX_INSECURE is 1. Metrics tell nothing of what was said.
    """
    if variables.boolean(env, INSECURE, False) or AuthenticationSettings.read(env).is_on:
        return
    for variable, address in addresses.items():
        if not is_loopback(address) and "_METRICS_" not in variable:
            raise StartError(
                f"{variable} names {address}, which others than this machine reach, and nobody needs a key: set "
                f"VOICEBOX_AUTH=keys, or {INSECURE}=1 where a proxy or a network policy decides who may call."
            )


def keep_files_private(env: Mapping[str, str]) -> None:
    """Make every new file this user's alone, and warn of a data folder that was opened to others before."""
    os.umask(OWN_FILES)
    data = Path(variables.text(env, "VOICEBOX_DATA", "var"))
    if data.is_dir() and stat.S_IMODE(data.stat().st_mode) & OWN_FILES:
        log.warning("other users can read what is kept in %s: close it by `chmod -R go= %s`", data, data)
