"""Whether somebody says that the speaker of a recording agreed that it is spoken with."""

from enum import StrEnum

from voicebox_kit.errors import Precondition
from voicebox_kit.principal import Principal


class ConsentRule(StrEnum):
    """Of whom a recording in a request needs a consent."""

    AUTHENTICATED = "authenticated"
    EVERYBODY = "everybody"
    NOBODY = "nobody"

    def refuse_without(self, consent: str, caller: Principal | None) -> None:
        """Raises Precondition("CONSENT_REQUIRED") where one is needed and there is none. `caller` is None where nobody
        authenticates.
        """
        is_needed = self is ConsentRule.EVERYBODY or (self is ConsentRule.AUTHENTICATED and caller is not None)
        if is_needed and not consent.strip():
            sentence = "Nobody says that the speaker of this recording agreed: say who did, and to what, as consent."
            raise Precondition("CONSENT_REQUIRED", "voice.reference.consent", sentence)
