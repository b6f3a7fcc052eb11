"""The platform's errors: what can go wrong for a caller, and what the answer says about it.

Every class below VoiceboxError has a status code: InvalidField and Unreadable are INVALID_ARGUMENT, and InvalidField
names the request's field; NotFound, AlreadyExists, EtagMismatch (ABORTED) and Damaged (DATA_LOSS) name the resource;
Precondition says what must be true first; Exhausted and Unavailable say when to try again.

Anything below a servicer may raise these; only the interceptor turns them into a status (status.py says how). An
exception of any other class is a bug and becomes INTERNAL. This module knows no gRPC, so that engines and stores may
import it.
"""

from enum import IntEnum


class Code(IntEnum):
    """The canonical status codes that our errors use, by their numbers on the wire."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    UNIMPLEMENTED = 12
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class VoiceboxError(Exception):
    """An error that the caller can act on: a status code, a stable UPPER_CASE reason and a sentence for people."""

    code: Code

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class InvalidField(VoiceboxError):
    """A request field is wrong, or the chosen engine cannot honour it. `field` is its path, as in
    `audio.sample_rate_hz`.
    """

    code = Code.INVALID_ARGUMENT

    def __init__(self, field: str, sentence: str, reason: str = "INVALID_FIELD") -> None:
        super().__init__(reason, sentence)
        self.field = field


class Unreadable(VoiceboxError):
    """The bytes are not a message of the method's type: the client was built for another contract, or the bytes
    were changed.
    """

    code = Code.INVALID_ARGUMENT

    def __init__(self, method: str) -> None:
        super().__init__(
            "MESSAGE_UNREADABLE", f"What was sent is not a message of {method}: its bytes cannot be decoded."
        )


class ResourceError(VoiceboxError):
    """An error about one resource: its kind, as in `profile`, and its name, as in `profiles/ann`."""

    def __init__(self, kind: str, name: str, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.kind = kind
        self.name = name


class NotFound(ResourceError):
    """There is no such resource. `hint` is a sentence on what there is."""

    code = Code.NOT_FOUND

    def __init__(self, kind: str, name: str, hint: str = "") -> None:
        super().__init__(kind, name, f"{kind.upper()}_NOT_FOUND", f"There is no {kind} {name!r}. {hint}".rstrip())


class AlreadyExists(ResourceError):
    """The name is in use."""

    code = Code.ALREADY_EXISTS

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name, f"{kind.upper()}_EXISTS", f"The {kind} {name!r} exists already.")


class EtagMismatch(ResourceError):
    """The resource changed since the caller last saw it."""

    code = Code.ABORTED

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            kind, name, "ETAG_MISMATCH", f"The {kind} {name!r} has changed since: read it again and retry."
        )


class Damaged(ResourceError):
    """The stored data is not what was written: a disk or a person changed it."""

    code = Code.DATA_LOSS

    def __init__(self, kind: str, name: str, sentence: str) -> None:
        super().__init__(kind, name, f"{kind.upper()}_DAMAGED", sentence)


class Precondition(VoiceboxError):
    """Something must be true first: `subject` is what, as in `profiles/ann`."""

    code = Code.FAILED_PRECONDITION

    def __init__(self, reason: str, subject: str, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.subject = subject


class Exhausted(VoiceboxError):
    """A bound is reached: a queue or a disk is full. `retry_seconds` is when to try again, None when it does not
    help.
    """

    code = Code.RESOURCE_EXHAUSTED

    def __init__(self, reason: str, sentence: str, retry_seconds: float | None = None) -> None:
        super().__init__(reason, sentence)
        self.retry_seconds = retry_seconds


class Unavailable(VoiceboxError):
    """Not now: loading, draining, or a service that is needed does not answer."""

    code = Code.UNAVAILABLE

    def __init__(self, reason: str, sentence: str, retry_seconds: float = 1.0) -> None:
        super().__init__(reason, sentence)
        self.retry_seconds = retry_seconds


class Unsupported(VoiceboxError):
    """This server does not do that."""

    code = Code.UNIMPLEMENTED


class TooSlow(VoiceboxError):
    """The work did not end in the time that it was given."""

    code = Code.DEADLINE_EXCEEDED


class Unauthenticated(VoiceboxError):
    """Nobody knows who calls: a credential is missing, wrong, expired or revoked."""

    code = Code.UNAUTHENTICATED


class Denied(VoiceboxError):
    """The caller is known, and may not do that."""

    code = Code.PERMISSION_DENIED


class StartError(Exception):
    """The process cannot start: one sentence for the person who started it. Never crosses the wire."""
