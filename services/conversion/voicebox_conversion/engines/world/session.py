"""One stream: samples become frames some at a time, with some context around them; frames are changed and spoken."""

from dataclasses import dataclass

import numpy as np

from voicebox_conversion.engine import Options, Samples

from . import mapping
from .mapping import Loudness, Target
from .statistics import RunningStatistics, Statistics
from .synthesis import Synthesizer
from .vocoder import FRAMES_PER_SECOND, HOP_SAMPLES, Array, analysed

CONTEXT_FRAMES = 60
"""Before the frames of a block: 0.3 s, which the tracker of pitch needs."""
LIVE_BLOCK_FRAMES, LIVE_AHEAD_FRAMES = 6, 16
"""30 ms are converted at a time, 80 ms later. The pitch is then that of a whole file within 0.02 semitones; with 60 ms
1.6% of the frames of a recording were voiced where the file's were not or the other way, with 100 ms none.
"""
FILE_BLOCK_FRAMES, FILE_AHEAD_FRAMES = 200, 40
PRIOR_FRAMES = 0.1 * FRAMES_PER_SECOND
"""The weight of the target's own statistics: a live stream is converted a little at first, and fully after seconds."""

LOUD = 0.9


@dataclass(frozen=True)
class Pace:
    """How many frames are converted together, and how many behind them must be there."""

    block_frames: int
    ahead_frames: int


def pace_of(options: Options) -> Pace:
    """A live stream waits as little as it can."""
    if options.is_live:
        return Pace(LIVE_BLOCK_FRAMES, LIVE_AHEAD_FRAMES)
    return Pace(FILE_BLOCK_FRAMES, FILE_AHEAD_FRAMES)


class WorldSession:
    """As voicebox_conversion.engine.Session. `speaker` is given where the statistics of the speech are known."""

    def __init__(self, target: Target, options: Options, speaker: Statistics | None = None) -> None:
        self._target, self._options, self._pace = target, options, pace_of(options)
        self._speaker = speaker
        self._running = RunningStatistics(target.statistics, PRIOR_FRAMES)
        self._loudness, self._synthesizer = Loudness(), Synthesizer()
        self._held: Samples = np.zeros(0, np.float32)  # from the frame `_origin` on
        self._origin = self._next = 0
        self._received = self._made = 0

    def begin(self, preview: Samples) -> None:
        self._speaker = statistics_of(preview, self._target.statistics)

    def push(self, samples: Samples) -> Samples:
        self._received += len(samples)
        self._held = np.concatenate([self._held, samples])
        return self._counted(self._converted())

    def finish(self) -> Samples:
        behind = (self._pace.block_frames + self._pace.ahead_frames + 2) * HOP_SAMPLES
        self._held = np.concatenate([self._held, np.zeros(behind, np.float32)])
        made = self._counted(self._converted())
        return made[: len(made) - max(self._made - self._received, 0)]

    def _counted(self, made: Samples) -> Samples:
        self._made += len(made)
        return made

    def _converted(self) -> Samples:
        """What can be converted now."""
        made: list[Samples] = []
        while True:
            needed = self._next + self._pace.block_frames + self._pace.ahead_frames - self._origin
            if len(self._held) < needed * HOP_SAMPLES:
                return np.concatenate(made) if made else np.zeros(0, np.float32)
            made.append(self._block(self._held[: needed * HOP_SAMPLES]))

    def _block(self, samples: Samples) -> Samples:
        """Convert the next block of frames, and forget what is too old to be context."""
        begin, count = self._next - self._origin, self._pace.block_frames
        margin = mapping.MARGIN if mapping.nearest_share(self._options) else 0
        first, last = max(begin - margin, 0), begin + count + margin
        f0, power, aperiodicity = self._mapped(samples, first, last, begin, count)
        self._next += count
        old = max(self._next - CONTEXT_FRAMES, self._origin)
        self._held = self._held[(old - self._origin) * HOP_SAMPLES :]
        self._origin = old
        return limited(self._synthesizer.push(f0, power, aperiodicity))

    def _mapped(self, samples: Samples, first: int, last: int, begin: int, count: int) -> tuple[Array, Array, Array]:
        frames = analysed(samples, first, last)
        within = slice(begin - first, begin - first + count)
        if self._speaker is None:
            self._running.add(frames.between(within))
        speaker = self._speaker or self._running.current()
        f0 = mapping.pitch(frames.f0_hz[within], speaker, self._target, self._options)
        power = mapping.envelope(frames, speaker, self._target, self._options, within.start, within.stop)
        return f0, self._loudness.matched(power, frames.power[within]), frames.aperiodicity[within]


def statistics_of(samples: Samples, prior: Statistics) -> Statistics:
    """The statistics of a recording, with a little of the prior where it holds little speech."""
    running = RunningStatistics(prior, 1.0)
    step = 10 * FRAMES_PER_SECOND
    padded = np.concatenate([samples, np.zeros(FILE_AHEAD_FRAMES * HOP_SAMPLES, np.float32)])
    for begin in range(0, len(samples) // HOP_SAMPLES, step):
        start = max(begin - CONTEXT_FRAMES, 0)
        stretch = padded[start * HOP_SAMPLES : (begin + step + FILE_AHEAD_FRAMES) * HOP_SAMPLES]
        last = min(begin + step, len(samples) // HOP_SAMPLES)
        running.add(analysed(stretch, begin - start, last - start))
    return running.current()


def limited(samples: Samples) -> Samples:
    """The samples, of which those beyond LOUD are bent back below full scale."""
    over = np.abs(samples) - LOUD
    bent = np.sign(samples) * (LOUD + (1.0 - LOUD) * np.tanh(np.maximum(over, 0.0) / (1.0 - LOUD)))
    return np.where(over > 0, bent, samples).astype(np.float32)
