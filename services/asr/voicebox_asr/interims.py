"""Decides when an interim hypothesis is asked for, and what of it is shown."""

from collections.abc import Callable
from dataclasses import replace

from .agreement import Agreed, Agreement
from .engine import Heard

EVERY_SECONDS = 0.15
"""How much more is heard, at least, before the next interim: with pieces of 0.1 s, one comes every 0.2 s."""

SHARE = 0.5
"""At most this share of the time goes into interims: Whisper decodes the whole utterance for each."""

MOST_LAG_SECONDS = 1.0
"""With more than this still to be heard, most interims are left out: they would be old when they are read, and the time is needed."""

BEHIND_EVERY_SECONDS = 0.95
"""How much more is heard then, at least, before the next interim: one comes every second."""

BEHIND_SHARE = 0.05
"""At most this share of the time goes into interims then."""


class Interims:
    """One stream's interims."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` tells seconds, as time.monotonic does."""
        self._clock = clock
        self._agreement: Agreement | None = None
        self._shown = Agreed("", "")
        self._unreported_seconds = self._unshown_seconds = 0.0
        self._cost_seconds = 0.0
        self.dropped = 0

    def begin(self) -> None:
        """An utterance begins. Nothing is stable in it before `settle`."""
        self._agreement, self._shown = None, Agreed("", "")
        self._unreported_seconds = self._unshown_seconds = 0.0

    def settle(self) -> None:
        """What comes from now on is heard well enough to be agreed on."""
        self._agreement = Agreement()

    def heard(self, seconds: float) -> None:
        """So much more of the utterance was heard."""
        self._unreported_seconds += seconds
        self._unshown_seconds += seconds

    def in_time(self, lag_seconds: float) -> bool:
        """Whether the recogniser keeps up, while so much sound waits to be heard."""
        return lag_seconds <= MOST_LAG_SECONDS

    def next(self, ask: Callable[[], Heard], lag_seconds: float) -> tuple[Heard, str] | None:
        """The next interim and its stable beginning, if one is due and says something new. `ask` makes one."""
        if self._unreported_seconds < max(EVERY_SECONDS, self._cost_seconds / SHARE):
            return None
        self._unreported_seconds = 0.0
        behind = max(BEHIND_EVERY_SECONDS, self._cost_seconds / BEHIND_SHARE)
        if not self.in_time(lag_seconds) and self._unshown_seconds < behind:
            self.dropped += 1
            return None
        self._unshown_seconds = 0.0
        began = self._clock()
        heard = ask()
        self._cost_seconds = self._clock() - began
        shown = self._agreement.push(heard) if self._agreement else Agreed(heard.text, "")
        if not shown.text or shown == self._shown:
            return None
        self._shown = shown
        return replace(heard, text=shown.text), shown.stable
