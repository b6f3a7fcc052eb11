"""The Orpheus models that are well known, by their names, and how they are downloaded: a model, and SNAC."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from voicebox_kit.errors import Precondition
from voicebox_models import store
from voicebox_models.hub import Hub
from voicebox_models.progress import Report, TotalProgress
from voicebox_models.store import StoredFile

from voicebox_tts.engines.codec_models.parts import WEIGHTS

from .model import checkpoint
from .model.checkpoint import SNAC
from .snac import conversion
from .snac.config import FILES, PICKLE
from .voices import ENGLISH

SNAC_REPOSITORY = "hubertsiuzdak/snac_24khz"
LICENCE = "LicenseRef-Llama-3.2-Community"
"""Of the weights, which derive from Llama 3.2: so their makers say (github.com/canopyai/Orpheus-TTS, issues 29 and 33),
although the model card says Apache-2.0. It asks for "Built with Llama", an acceptable use, and a licence of Meta's
above 700 million users a month; it forbids no commercial use. SNAC is MIT.
"""
UNKNOWN_LICENCE = "LicenseRef-unknown"


@dataclass(frozen=True)
class Published:
    """A model on the hub, a `voicebox_models.files.Source`. `revision` is a commit; empty for the newest, which is
    pinned when it is downloaded.
    """

    repository: str
    revision: str = ""
    licence: str = UNKNOWN_LICENCE
    languages: tuple[str, ...] = ("en",)
    voices: Sequence[str] = ENGLISH
    size_bytes: int = 0

    def cached(self, hub: Hub) -> Path | None:
        """None: its parts lie in two repositories."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        """Both parts or nothing, as Hub.fetch does and with its errors; what was fetched before is kept. SNAC's weights
        are converted.
        """
        if target.exists():
            sentence = f"The folder {target} is there already: move it away first."
            raise Precondition("MODEL_FOLDER_TAKEN", str(target), sentence)
        gathered, progress = target.with_name(f".{target.name}.parts"), TotalProgress(report)
        model, codec = gathered / "model", gathered / SNAC
        if store.manifest(model) is None:
            hub.fetch(self.repository, self.revision, checkpoint.FILES, model, progress, required=checkpoint.NEEDED)
        progress.next_part()
        if store.manifest(codec) is None:
            hub.fetch(SNAC_REPOSITORY, "", FILES, codec, progress, required=FILES, pickles=(PICKLE,))
        if (codec / PICKLE).is_file():
            conversion.convert(codec)
        _assemble(model, codec, target)
        shutil.rmtree(gathered)


def _assemble(model: Path, codec: Path, target: Path) -> None:
    """One model of the two folders, whose manifest names the files of both."""
    manifest = store.manifest(model)
    assert manifest is not None
    shutil.copytree(codec, model / SNAC, ignore=_hidden, dirs_exist_ok=True)
    added = [
        StoredFile(f"{SNAC}/{name}", (model / SNAC / name).stat().st_size, store.sha256(model / SNAC / name))
        for name in ("config.json", WEIGHTS)
    ]
    store.write_manifest(model, replace(manifest, files=(*manifest.files, *added)))
    model.rename(target)


def _hidden(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(".")]


KNOWN = {
    "3b": Published("canopylabs/orpheus-3b-0.1-ft", licence=LICENCE, size_bytes=6_700_000_000),
}
"""The finetuned English model. It is gated: a person accepts its terms on the hub, and sets HF_TOKEN."""
