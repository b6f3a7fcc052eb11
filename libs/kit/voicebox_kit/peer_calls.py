"""What a call of another service carries, and what the service's error says."""

from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from . import principal, request_id
from .status import DETAILS_HEADER


@dataclass(frozen=True)
class ErrorDetails:
    """The details of an error, as `status.to_status` writes them; empty and None where it has none."""

    reason: str = ""
    retry_seconds: float | None = None
    field: str | None = None
    resource_type: str = ""
    resource_name: str = ""


def metadata_for(owner: str) -> tuple[tuple[str, str], ...]:
    """Of a call for this owner, on behalf of the call that runs now."""
    return ((principal.HEADER, owner), (request_id.HEADER, request_id.current.get() or "-"))


def details_of(error: grpc.aio.AioRpcError) -> ErrorDetails:
    """What the service said of its error."""
    pairs: Any = error.trailing_metadata() or ()  # which its type does not say
    packed = status_pb2.Status.FromString(dict(pairs).get(DETAILS_HEADER, b""))
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    bad, resource = error_details_pb2.BadRequest(), error_details_pb2.ResourceInfo()
    for detail in packed.details:
        for each in (info, retry, bad, resource):
            detail.Unpack(each)
    return ErrorDetails(
        info.reason,
        retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None,
        bad.field_violations[0].field if bad.field_violations else None,
        resource.resource_type,
        resource.resource_name,
    )
