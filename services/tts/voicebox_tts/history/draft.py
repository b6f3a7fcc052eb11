"""The audio of a generation's record while it is made."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from voicebox_audio.encoding.marks import UNMARKED, Mark
from voicebox_outbox.spool import disk_error

from voicebox_tts.engine import Samples


class Draft:
    """Mono 16-bit FLAC in a file. Blocking.

    A disk that fills up meanwhile fails `close`, not `write`: the speech that is being streamed goes on.
    """

    def __init__(self, path: Path, sample_rate_hz: int, mark: Mark = UNMARKED) -> None:
        """OSError when the file cannot be made."""
        self.path = path
        self._failure: OSError | None = None
        try:
            self._file = soundfile.SoundFile(
                path, "w", sample_rate_hz, 1, "PCM_16", format="FLAC", compression_level=0.0
            )
            if mark.entries:
                self._file.comment = " ".join(mark.entries.values())
        except (OSError, soundfile.LibsndfileError) as error:
            raise disk_error(path.parent, error) from error

    def write(self, samples: Samples) -> None:
        """Add samples."""
        try:
            if not self._failure:
                self._file.write(np.clip(samples, -1.0, 1.0))
        except (OSError, AssertionError, soundfile.LibsndfileError) as error:  # soundfile asserts that all was written
            self._failure = disk_error(self.path.parent, error)

    def close(self) -> None:
        """Complete the file. OSError when any of it could not be written."""
        self._file.close()
        if self._failure:
            raise self._failure

    def discard(self) -> None:
        """Remove the file, if the folder lets it go."""
        self._file.close()
        with suppress(OSError):
            self.path.unlink()
