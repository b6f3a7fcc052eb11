"""Fetches a published Pocket TTS model: its parts lie in two repositories, at three commits."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from voicebox_kit.errors import Precondition
from voicebox_models import store
from voicebox_models.hub import Hub
from voicebox_models.progress import Report, TotalProgress
from voicebox_models.store import ModelManifest

from .model_files import TOKENIZERS, VOICES, WEIGHTS
from .published import CLONING_REPOSITORY, REPOSITORY, VOICES_REVISION, Published

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DownloadPart:
    """Files of one commit, by their paths in the model's folder."""

    repository: str
    revision: str
    names: tuple[str, ...]


class PocketSource:
    """Where a published model is: a `voicebox_models.files.Source`."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self.revision, self.size_bytes = published.cloning_revision, published.size_bytes

    def cached(self, hub: Hub) -> Path | None:
        """None: its parts lie in several repositories."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        """Without voice cloning where the hub refuses the weights that clone."""
        fetch(self._published, hub, target, report)


def fetch(published: Published, hub: Hub, target: Path, report: Report) -> None:
    """Fetch a model into `target`, all of it or nothing, as Hub.fetch does and with its errors; what was fetched of it
    before is kept.

    Where the hub does not give the weights that follow recordings, since they are gated, the others take their place.
    """
    if target.exists():
        raise Precondition(
            "MODEL_FOLDER_TAKEN", str(target), f"The folder {target} is there already: move it away first."
        )
    gathered = target.with_name(f".{target.name}.parts")
    names = tuple(f"{VOICES}/{voice}.safetensors" for voice in published.voices)
    others = (
        DownloadPart(REPOSITORY, published.tokenizer_revision, TOKENIZERS[:1]),
        DownloadPart(REPOSITORY, VOICES_REVISION, names),
    )
    progress = TotalProgress(report)
    weights = _fetch_weights(published, hub, gathered, progress)
    parts = [weights, *(_fetch_part(published, part, hub, gathered, progress) for part in others)]
    _assemble(published, parts, gathered, target)


def _fetch_weights(published: Published, hub: Hub, gathered: Path, progress: TotalProgress) -> Path:
    try:
        return _fetch_part(
            published, DownloadPart(CLONING_REPOSITORY, published.cloning_revision, (WEIGHTS,)), hub, gathered, progress
        )
    except Precondition as error:
        if error.reason != "MODEL_GATED":
            raise
        log.warning("pocket/%s is fetched without voice cloning: %s", published.name, error.sentence)
        return _fetch_part(published, DownloadPart(REPOSITORY, published.revision, (WEIGHTS,)), hub, gathered, progress)


def _fetch_part(published: Published, part: DownloadPart, hub: Hub, gathered: Path, progress: TotalProgress) -> Path:
    """Fetch a part into its own folder, unless it is there already."""
    progress.next_part()
    folder = gathered / f"{part.revision[:12]}-{PurePosixPath(part.names[0]).stem}"
    if store.manifest(folder) is None:
        names = [f"languages/{published.name}/{name}" for name in part.names]
        hub.fetch(part.repository, part.revision, names, folder, progress, required=names)
    return folder


def _assemble(published: Published, parts: Sequence[Path], gathered: Path, target: Path) -> None:
    """Make one model of the parts. Its manifest names the weights' repository, by which one knows whether they
    clone.
    """
    manifests = [manifest for part in parts if (manifest := store.manifest(part))]
    prefix = f"languages/{published.name}/"
    files = tuple(
        replace(file, name=file.name.removeprefix(prefix)) for manifest in manifests for file in manifest.files
    )
    whole = gathered / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    for part in parts:
        shutil.copytree(part / prefix, whole, dirs_exist_ok=True, copy_function=_link)
    store.write_manifest(
        whole, ModelManifest(manifests[0].repository, manifests[0].revision, manifests[0].fetched_at, files)
    )
    whole.rename(target)
    shutil.rmtree(gathered)


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
