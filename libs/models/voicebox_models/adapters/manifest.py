"""The manifest of an adapter: what it was made of, for which model, and with whose consent."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from voicebox_blobs.archives.zip_reader import refused

from voicebox_models.store import is_name

FORMAT, VERSION = "voicebox-adapter", 1
KIND = "lora"
FILE = "manifest.json"
MAX_BYTES = 64 * 1024
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """Of one adapter. `base_model` is `{engine}/{model}`; `base_weights` identifies its weights, see
    fingerprint.fingerprint; `sha256` is that of the tensors' file, `dataset_sha256` that of what it was trained on.

    `speaker` is the voice that the adapted model has; empty for a recogniser. `licence` is an SPDX expression.
    """

    base_model: str
    base_revision: str
    base_weights: str
    engine: str
    rank: int
    alpha: float
    sample_rate_hz: int
    metrics: Mapping[str, float]
    dataset_sha256: str
    consent: str
    licence: str
    sha256: str
    speaker: str = ""
    kind: str = KIND

    @property
    def scale(self) -> float:
        """What the product of the two matrices is multiplied by."""
        return self.alpha / self.rank

    def to_json(self) -> bytes:
        """The same manifest always gives the same bytes."""
        document = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    @property
    def revision(self) -> str:
        """What changes when anything of the adapter does."""
        return f"adapter-{hashlib.sha256(self.to_json()).hexdigest()[:16]}"


def read_manifest(text: bytes) -> Manifest:
    """InvalidField("archive") for one that is not of this format, or has a value that cannot be."""
    try:
        document = json.loads(text)
        if document.pop("format") != FORMAT or document.pop("version") != VERSION:
            raise refused(f"The archive is not an adapter of the version {VERSION}.")
        made = Manifest(**document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise refused(f"{FILE} cannot be read.") from error
    if wrong := [name for name, is_right in _checks(made).items() if not is_right]:
        raise refused(f"{FILE} has no valid {wrong[0]}.")
    return made


def _checks(made: Manifest) -> dict[str, bool]:
    strings = {each.name for each in fields(Manifest) if each.type is str}
    if wrong := [name for name in strings if not isinstance(getattr(made, name), str)]:
        return dict.fromkeys(wrong, False)
    return {
        "kind": made.kind == KIND,
        "base_model": is_name(made.base_model) and made.base_model.partition("/")[0] == made.engine,
        "rank": type(made.rank) is int and 1 <= made.rank <= 1024,
        "alpha": _number(made.alpha) and 0 < made.alpha <= 65_536,
        "sample_rate_hz": type(made.sample_rate_hz) is int and 8_000 <= made.sample_rate_hz <= 48_000,
        "metrics": isinstance(made.metrics, dict)
        and len(made.metrics) <= 64
        and all(map(_metric, made.metrics.items())),
        "sha256": bool(_HASH.fullmatch(made.sha256)),
        "base_weights": bool(_HASH.fullmatch(made.base_weights)),
        "dataset_sha256": bool(_HASH.fullmatch(made.dataset_sha256)),
        "consent": len(made.consent.strip()) >= 1 and len(made.consent) <= 2_000,
        "speaker": bool(re.fullmatch("([a-z0-9][a-z0-9_-]{0,62})?", made.speaker)),
    }


def _metric(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], str) and len(item[0]) <= 64 and _number(item[1])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
