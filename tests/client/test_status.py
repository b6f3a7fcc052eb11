"""What the services' errors are to a caller."""

import grpc
import pytest
from voicebox_client.client import Client
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.retry import NEVER
from voicebox_client.status import from_rpc_error
from voicebox_kit import errors

EVERY_KIND = [
    (errors.InvalidField("audio.sample_rate_hz", "Too low."), "INVALID_ARGUMENT", "INVALID_FIELD"),
    (errors.NotFound("profile", "profiles/x"), "NOT_FOUND", "PROFILE_NOT_FOUND"),
    (errors.AlreadyExists("profile", "profiles/x"), "ALREADY_EXISTS", "PROFILE_EXISTS"),
    (errors.EtagMismatch("profile", "profiles/x"), "ABORTED", "ETAG_MISMATCH"),
    (errors.Precondition("NO_SAMPLE", "profiles/x", "It has no sample."), "FAILED_PRECONDITION", "NO_SAMPLE"),
    (errors.Exhausted("QUEUE_FULL", "The queue is full.", 2.0), "RESOURCE_EXHAUSTED", "QUEUE_FULL"),
    (errors.Unavailable("LOADING", "The model is loading.", 3.0), "UNAVAILABLE", "LOADING"),
    (errors.Unsupported("NO_SUCH_METHOD", "Not here."), "UNIMPLEMENTED", "NO_SUCH_METHOD"),
    (errors.TooSlow("TOO_SLOW", "Out of time."), "DEADLINE_EXCEEDED", "TOO_SLOW"),
]


@pytest.mark.parametrize(
    ("error", "code", "reason"), EVERY_KIND, ids=lambda value: value if isinstance(value, str) else None
)
def test_every_error_of_the_services_arrives_with_its_details(platform, error, code, reason):
    platform.failures["GetProfile"] = [error]
    with Client(platform.address, retry=NEVER) as client, pytest.raises(VoiceboxClientError) as raised:
        client.get_profile("x")
    reported = raised.value
    assert (reported.code, reported.reason, reported.sentence) == (code, reason, error.sentence)
    assert reported.field == getattr(error, "field", "")
    assert reported.retry_seconds == getattr(error, "retry_seconds", None)
    assert reported.metadata == {"request_id": "request-1"}
    assert str(reported) == error.sentence


def test_a_server_that_is_unavailable_is_distinguished_from_one_that_says_unavailable():
    with Client("127.0.0.1:1", retry=NEVER) as client, pytest.raises(VoiceboxClientError) as raised:
        client.get_profile("x")
    assert (raised.value.code, raised.value.reason) == ("UNAVAILABLE", "NO_ANSWER")


class Failed(grpc.RpcError):
    """A failed call with trailing metadata of any kind."""

    def __init__(self, metadata, details="upstream connect error: Connection refused"):
        self.trailing_metadata = lambda: metadata
        self.details = lambda: details
        self.code = lambda: grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("metadata", [None, (), (("other", "x"),), (("grpc-status-details-bin", b"\xff\xff"),)])
def test_an_error_without_readable_details_still_has_code_reason_and_sentence(metadata):
    reported = from_rpc_error(Failed(metadata))
    assert (reported.code, reported.reason, reported.field) == ("UNAVAILABLE", "UNAVAILABLE", "")
    assert reported.sentence == "upstream connect error: Connection refused"


def test_an_error_without_any_words_gets_those_of_its_code():
    assert from_rpc_error(Failed(None, details=None)).sentence == "unavailable"


@pytest.mark.parametrize(
    "details",
    ["failed to connect to all addresses; last error: ...", "errors resolving x:80: [...]", "DNS resolution failed"],
)
def test_what_grpc_itself_says_of_a_missing_server_is_no_answer(details):
    assert from_rpc_error(Failed(None, details)).reason == "NO_ANSWER"


@pytest.mark.parametrize(
    "details",
    [
        "Stream removed",
        "Socket closed",
        "recvmsg:Connection reset by peer",
        "GOAWAY received; Error code: 0",
        "Received RST_STREAM with error code 2",
        "Internal error from Core",
        "Broken pipe",
        "Endpoint closing",
    ],
)
@pytest.mark.parametrize(("received", "words"), [(True, "not complete"), (False, "not known")])
def test_a_connection_that_breaks_off_is_reported_in_plain_words(details, received, words):
    reported = from_rpc_error(Failed(None, details), received=received)
    assert (reported.code, reported.reason) == ("UNAVAILABLE", "CONNECTION_LOST")
    assert reported.sentence.startswith("The connection to the service was lost")
    assert words in reported.sentence


def test_a_service_that_says_what_was_wrong_is_believed(platform):
    platform.failures["GetProfile"] = [errors.Unavailable("UPSTREAM", "The other service's connection reset.")]
    with Client(platform.address, retry=NEVER) as client, pytest.raises(VoiceboxClientError, match="other service"):
        client.get_profile("x")
