"""How long a call may wait for its permit, so that its first audio comes in time."""

FIRST_AUDIO_SECONDS = 0.1
"""How long a first chunk is assumed to take after admission, before any was measured."""
DECAY = 0.9
"""The longest time to a first chunk is remembered, and shrinks by this factor with each shorter one: when many calls
begin at once, the last is far behind the mean.
"""


class Patience:
    """`seconds` is how long callers wait for their first audio."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._first_audio_seconds = seconds, FIRST_AUDIO_SECONDS

    def before_admission(self, timeout_seconds: float) -> float:
        """What is left for the wait for a permit, for a call with a deadline."""
        return max(0.0, min(self._seconds, timeout_seconds) - self._first_audio_seconds)

    def note_first_audio(self, seconds: float) -> None:
        """How long a first chunk took after admission."""
        self._first_audio_seconds = max(seconds, DECAY * self._first_audio_seconds)
