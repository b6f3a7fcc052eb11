"""A Whisper model in memory: one decoder and one scheduler for all its streams and files."""

from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from voicebox_kit.errors import StartError

from voicebox_asr.engine import SAMPLE_RATE_HZ, Decoding, Options
from voicebox_asr.engines.silero import THRESHOLD, Silero, SpeechProbability, release
from voicebox_asr.segmentation.windows import SpeechTracker, Windows

from .batcher import Scheduler
from .decoder import WINDOW_SECONDS, Clip, Decoded, WhisperDecoder
from .device import Device
from .file_reader import WhisperReader
from .heap import trim_heap
from .session import WhisperSession

QUEUE_SIZE = 256
"""Windows that may wait, of 1 MB each. A file has a batch of them at most, a live stream one."""


class LoadedWhisper:
    """Opened by the engine, and closed when it is unloaded."""

    def __init__(self, folder: Path, device: Device, silero: Silero) -> None:
        """Raises StartError when the files or the device do not do."""
        self._silero = silero
        try:
            model = WhisperModel(
                str(folder),
                device=device.kind,
                device_index=device.index,
                compute_type=device.compute_type,
                cpu_threads=device.threads,
                local_files_only=True,
            )
            self._decoder = WhisperDecoder(model)
            self._warm_up()
        except Exception as error:  # the libraries raise what they like for files that are not what they should be
            raise StartError(f"The model in {folder} cannot be loaded on {device.name}: {error}") from error
        self._scheduler: Scheduler[Clip, Decoded] = Scheduler(
            self._decoder.decode, device.batch_size, QUEUE_SIZE, trim_heap
        )

    def session(self, options: Options) -> WhisperSession:
        """A live stream."""
        return WhisperSession(self._decoder, self._scheduler, options)

    def reader(self, options: Options) -> WhisperReader:
        """A file."""
        detection = options.voice_detection
        threshold = THRESHOLD if detection.threshold is None else detection.threshold
        speech = (
            None if detection.off else SpeechTracker(SpeechProbability(self._silero).of, threshold, release(threshold))
        )
        return WhisperReader(self._decoder, self._scheduler, options, Windows(WINDOW_SECONDS, speech))

    def close(self) -> None:
        """Free its memory. What is open fails with Unavailable."""
        self._scheduler.close()
        self._decoder.unload()
        trim_heap()

    def _warm_up(self) -> None:
        """Decode one window: a device makes its kernels and buffers at the first."""
        options = Options(language="en", decoding=Decoding(beam_size=1, temperatures=(0.0,)))
        self._decoder.decode([self._decoder.clip(np.zeros(SAMPLE_RATE_HZ, np.float32), options, "en", "")])
