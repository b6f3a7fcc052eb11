"""Decides when an interim is made, and what of it is shown."""

from collections.abc import Callable
from dataclasses import replace

from voicebox_asr.engine import Hypothesis

from .agreement import Agreement, InterimText

EVERY_SECONDS = 0.15
"""The least audio between two interims: with pieces of 0.1 s, one is made every 0.2 s."""

QUICK_SECONDS = 0.5
"""Interims that take no longer than this follow each other without a break, on a core that would be idle.

Whisper decodes the whole utterance for each. Those that take longer leave as much time free as they take over this: a
final waits for the interim that runs.
"""

MAX_LAG_SECONDS = 1.0
"""With more audio than this waiting, besides what arrived during the last interim, most interims are left out."""

BEHIND_EVERY_SECONDS = 0.95
"""The least audio between two interims then: one is made every second."""

BEHIND_SHARE = 0.05
"""The largest share of the time for interims then."""


class Interims:
    """One stream's interims."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds, as time.monotonic does."""
        self._clock = clock
        self._agreement: Agreement | None = None
        self._shown = InterimText("", "")
        self._unreported_seconds = self._unshown_seconds = 0.0
        self._cost_seconds = 0.0
        self.dropped = 0

    def begin(self) -> None:
        """An utterance begins. Nothing is stable in it before `settle`."""
        self._agreement, self._shown = None, InterimText("", "")
        self._unreported_seconds = self._unshown_seconds = 0.0

    def settle(self) -> None:
        """Later hypotheses are good enough to become stable."""
        self._agreement = Agreement()

    def add(self, seconds: float) -> None:
        """More audio of the utterance was recognised."""
        self._unreported_seconds += seconds
        self._unshown_seconds += seconds

    def in_time(self, lag_seconds: float) -> bool:
        """Whether the recogniser is fast enough while `lag_seconds` of audio wait."""
        return lag_seconds <= MAX_LAG_SECONDS + self._cost_seconds

    def next(self, make: Callable[[], Hypothesis], lag_seconds: float) -> tuple[Hypothesis, str] | None:
        """The next interim and its stable beginning, if one is due and differs from what was shown."""
        rest = max(0.0, self._cost_seconds - QUICK_SECONDS)
        if self._unreported_seconds < max(EVERY_SECONDS, self._cost_seconds + rest):
            return None
        self._unreported_seconds = 0.0
        behind = max(BEHIND_EVERY_SECONDS, self._cost_seconds / BEHIND_SHARE)
        if not self.in_time(lag_seconds) and self._unshown_seconds < behind:
            self.dropped += 1
            return None
        self._unshown_seconds = 0.0
        began = self._clock()
        hypothesis = make()
        self._cost_seconds = self._clock() - began
        return self.show(hypothesis)

    def show(self, hypothesis: Hypothesis) -> tuple[Hypothesis, str] | None:
        """A hypothesis and its stable beginning, if it differs from what was shown."""
        shown = self._agreement.push(hypothesis) if self._agreement else InterimText(hypothesis.text, "")
        if not shown.text or shown == self._shown:
            return None
        self._shown = shown
        return replace(hypothesis, text=shown.text), shown.stable

    def final(self, hypothesis: Hypothesis) -> Hypothesis:
        """The final, which begins with what was stable."""
        return self._agreement.final(hypothesis) if self._agreement else hypothesis
