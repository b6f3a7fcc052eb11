"""Builds requests about profiles and samples: pure functions that both clients share."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypedDict, Unpack

from google.api import httpbody_pb2
from google.protobuf import duration_pb2, field_mask_pb2
from voicebox.catalog.v1 import catalog_pb2

from .requests import request_id, resource

CONSENT = ("statement", "speaker", "scope")


class ProfileDetails(TypedDict, total=False):
    """The fields of a profile besides its name."""

    language: Annotated[str, "BCP 47, default en-US"]
    description: Annotated[str, "free text"]
    labels: Annotated[Mapping[str, str], "keys and values of your own"]
    consent_statement: Annotated[str, "what the speaker agreed to, in words"]
    consent_speaker: Annotated[str, "who agreed"]
    consent_scope: Annotated[str, "what for; default anything"]
    consent: Annotated[catalog_pb2.Consent, "the same as one message, with its time; not together with `consent_...`"]
    default_voice_settings: Annotated[catalog_pb2.VoiceSettings, "speed, pitch and seed where a request gives none"]


class ProfileChanges(ProfileDetails, total=False):
    """The fields of a profile that can change."""

    display_name: Annotated[str, "its name for people"]


class SampleChanges(TypedDict, total=False):
    """The fields of a sample that can change."""

    transcript: Annotated[str, "what is said in it"]
    trim_start_seconds: Annotated[float, "where the used part begins"]
    trim_end_seconds: Annotated[float | None, "where it ends; None is the end of the recording"]
    excluded: Annotated[bool, "True: not part of the profile's reference"]
    transcript_word_error_rate: Annotated[float | None, "of the transcript against what was recognised; None: unknown"]


def create_profile(
    display_name: str, profile_id: str, **details: Unpack[ProfileDetails]
) -> catalog_pb2.CreateProfileRequest:
    """With a fresh request id."""
    profile = catalog_pb2.Profile(display_name=display_name, **_fields(details))
    return catalog_pb2.CreateProfileRequest(profile=profile, profile_id=profile_id, request_id=request_id())


def update_profile(name: str, etag: str, **changes: Unpack[ProfileChanges]) -> catalog_pb2.UpdateProfileRequest:
    """Changes exactly the fields that are given, also to empty values."""
    fields = _fields(changes)
    profile = catalog_pb2.Profile(name=resource("profiles", name), etag=etag, **fields)
    return catalog_pb2.UpdateProfileRequest(profile=profile, update_mask=field_mask_pb2.FieldMask(paths=sorted(fields)))


def _fields(details: ProfileDetails) -> dict[str, Any]:
    """The fields of a profile, with what was agreed as one message. Raises ValueError when that is given twice or in
    part.
    """
    fields: dict[str, Any] = dict(details)
    consent = {name: fields.pop(f"consent_{name}") for name in CONSENT if f"consent_{name}" in fields}
    if consent and "consent" in fields:
        raise ValueError("Give consent or consent_statement, not both.")
    if consent and not consent.get("statement"):
        raise ValueError("Say with consent_statement what was agreed.")
    return fields | ({"consent": catalog_pb2.Consent(**consent)} if consent else {})


def add_sample(
    profile: str, transcript: str, id_: str, pieces: Iterator[bytes]
) -> Iterator[catalog_pb2.UploadSampleRequest]:
    """The messages of an upload; the first one names the profile."""
    first = httpbody_pb2.HttpBody(data=next(pieces, b""))
    yield catalog_pb2.UploadSampleRequest(
        parent=resource("profiles", profile), transcript=transcript, request_id=id_, audio=first
    )
    for piece in pieces:
        yield catalog_pb2.UploadSampleRequest(audio=httpbody_pb2.HttpBody(data=piece))


def update_sample(name: str, etag: str, **changes: Unpack[SampleChanges]) -> catalog_pb2.UpdateSampleRequest:
    """Changes exactly the fields that are given, also to empty values."""
    sample = catalog_pb2.Sample(
        name=resource("profiles", name),
        etag=etag,
        transcript=changes.get("transcript", ""),
        trim_start=duration(changes.get("trim_start_seconds")),
        trim_end=duration(changes.get("trim_end_seconds")),
        excluded=changes.get("excluded", False),
        transcript_word_error_rate=changes.get("transcript_word_error_rate"),
    )
    paths = sorted(change.removesuffix("_seconds") for change in changes)
    return catalog_pb2.UpdateSampleRequest(sample=sample, update_mask=field_mask_pb2.FieldMask(paths=paths))


def segment_sample(name: str, min_seconds: float | None, max_seconds: float | None) -> catalog_pb2.SegmentSampleRequest:
    """With a fresh request id."""
    shortest, longest = duration(min_seconds), duration(max_seconds)
    return catalog_pb2.SegmentSampleRequest(
        name=resource("profiles", name), min_duration=shortest, max_duration=longest, request_id=request_id()
    )


def duplicate_profile(name: str, profile_id: str, display_name: str) -> catalog_pb2.DuplicateProfileRequest:
    """With a fresh request id."""
    return catalog_pb2.DuplicateProfileRequest(
        name=resource("profiles", name), profile_id=profile_id, display_name=display_name, request_id=request_id()
    )


def set_avatar(profile: str, pieces: Iterator[bytes]) -> Iterator[catalog_pb2.SetProfileAvatarRequest]:
    """The messages of an upload; the first one names the profile."""
    first = httpbody_pb2.HttpBody(data=next(pieces, b""))
    yield catalog_pb2.SetProfileAvatarRequest(name=resource("profiles", profile), image=first)
    for piece in pieces:
        yield catalog_pb2.SetProfileAvatarRequest(image=httpbody_pb2.HttpBody(data=piece))


def import_profile(profile_id: str, id_: str, pieces: Iterator[bytes]) -> Iterator[catalog_pb2.ImportProfileRequest]:
    """The messages of an upload; the first one has the new profile's id."""
    first = httpbody_pb2.HttpBody(data=next(pieces, b""))
    yield catalog_pb2.ImportProfileRequest(profile_id=profile_id, request_id=id_, archive=first)
    for piece in pieces:
        yield catalog_pb2.ImportProfileRequest(archive=httpbody_pb2.HttpBody(data=piece))


def duration(seconds: float | None) -> duration_pb2.Duration | None:
    """To a microsecond; None stays None."""
    if seconds is None:
        return None
    message = duration_pb2.Duration()
    message.FromMicroseconds(round(seconds * 1_000_000))
    return message
