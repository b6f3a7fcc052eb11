"""Decides when an interim hypothesis is asked for, and what of it is shown."""

from collections.abc import Callable
from dataclasses import replace

from voicebox_asr.engine import Heard

from .agreement import Agreed, Agreement

EVERY_SECONDS = 0.15
"""How much more is heard, at least, before the next interim: with pieces of 0.1 s, one comes every 0.2 s."""

QUICK_SECONDS = 0.5
"""Interims that take no longer than this follow each other without a break: a core that would idle has nothing better
to do.

Whisper decodes the whole utterance for each. Those that take longer leave as much time free as they take over this: a
final waits for the interim that runs.
"""

MOST_LAG_SECONDS = 1.0
"""With more than this still to be heard, besides what arrived during the last interim, most interims are left out: they
would be old when they are read, and the time is needed.
"""

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
        return lag_seconds <= MOST_LAG_SECONDS + self._cost_seconds

    def next(self, ask: Callable[[], Heard], lag_seconds: float) -> tuple[Heard, str] | None:
        """The next interim and its stable beginning, if one is due and says something new. `ask` makes one."""
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
        heard = ask()
        self._cost_seconds = self._clock() - began
        return self.show(heard)

    def show(self, heard: Heard) -> tuple[Heard, str] | None:
        """A hypothesis and its stable beginning, if it says something new."""
        shown = self._agreement.push(heard) if self._agreement else Agreed(heard.text, "")
        if not shown.text or shown == self._shown:
            return None
        self._shown = shown
        return replace(heard, text=shown.text), shown.stable

    def final(self, heard: Heard) -> Heard:
        """The final, which begins with what was stable."""
        return self._agreement.final(heard) if self._agreement else heard
