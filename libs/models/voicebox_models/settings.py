"""The variables that every service with models reads."""

from collections.abc import Mapping
from pathlib import Path

from voicebox_kit import variables

from .hub import Hub

EMBEDDED = "VOICEBOX_EMBEDDED"


def models_folder(env: Mapping[str, str]) -> Path:
    """VOICEBOX_MODELS: the models folder; otherwise `models` in VOICEBOX_DATA."""
    return Path(
        variables.text(env, "VOICEBOX_MODELS", str(Path(variables.text(env, "VOICEBOX_DATA", "var")) / "models"))
    )


def accepted_licences(env: Mapping[str, str]) -> frozenset[str]:
    """VOICEBOX_ACCEPTED_LICENCES: SPDX identifiers of licences, separated by commas."""
    listed = variables.text(env, "VOICEBOX_ACCEPTED_LICENCES", "").split(",")
    return frozenset(licence.strip() for licence in listed if licence.strip())


def packaged(env: Mapping[str, str]) -> bool:
    """VOICEBOX_EMBEDDED: whether models in installed packages are used. `small`: not, `full`, the default: they are."""
    return variables.choice(env, EMBEDDED, ("full", "small")) == "full"


def hub(env: Mapping[str, str]) -> Hub:
    """HF_ENDPOINT: the model hub, otherwise the public one. VOICEBOX_OFFLINE: nothing is fetched. Its library reads
    HF_TOKEN itself.
    """
    return Hub(
        variables.text(env, "HF_ENDPOINT", "") or None, offline=variables.boolean(env, "VOICEBOX_OFFLINE", False)
    )
