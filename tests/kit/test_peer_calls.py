"""What the details of an error say is what was written into them."""

from typing import Any

import grpc
import pytest
from voicebox_kit.errors import (
    AlreadyExists,
    Exhausted,
    InvalidField,
    NotFound,
    Precondition,
    Unavailable,
    VoiceboxError,
)
from voicebox_kit.peer_calls import ErrorDetails, details_of
from voicebox_kit.status import DETAILS_HEADER, to_status

pytestmark = pytest.mark.unit


def sent(*trailers: tuple[str, Any]) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata(*trailers)
    return grpc.aio.AioRpcError(grpc.StatusCode.UNKNOWN, grpc.aio.Metadata(), metadata, None, None)


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (InvalidField("text", "It is empty."), ErrorDetails("INVALID_FIELD", field="text")),
        (Exhausted("QUEUE_FULL", "At capacity.", 2.5), ErrorDetails("QUEUE_FULL", 2.5)),
        (Unavailable("LOADING", "Not yet."), ErrorDetails("LOADING", 1.0)),
        (Precondition("CONSENT_REQUIRED", "profiles/ann", "No consent."), ErrorDetails("CONSENT_REQUIRED")),
        (
            NotFound("profile", "profiles/ann"),
            ErrorDetails("PROFILE_NOT_FOUND", resource_type="profile", resource_name="profiles/ann"),
        ),
        (
            AlreadyExists("profile", "profiles/ann"),
            ErrorDetails("PROFILE_EXISTS", resource_type="profile", resource_name="profiles/ann"),
        ),
    ],
)
def test_details_are_read_as_they_were_written(error: VoiceboxError, details: ErrorDetails) -> None:
    assert details_of(sent((DETAILS_HEADER, to_status(error, "1").SerializeToString()))) == details


def test_an_error_without_details_says_nothing() -> None:
    assert details_of(sent()) == ErrorDetails()
