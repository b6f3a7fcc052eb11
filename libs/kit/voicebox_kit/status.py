"""How an error becomes a gRPC status with google.rpc details, in one place."""

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from .errors import Exhausted, InvalidField, Precondition, ResourceError, Unavailable, VoiceboxError

DOMAIN = "voicebox"
DETAILS_HEADER = "grpc-status-details-bin"
INTERNAL = 13


def to_status(error: VoiceboxError, request_id: str) -> status_pb2.Status:
    """The status of an error that the caller can act on: always an ErrorInfo, and the detail that fits the error's
    class.
    """
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata={"request_id": request_id})
    return _status(error.code, error.sentence, info, *_details(error))


def internal(request_id: str) -> status_pb2.Status:
    """The status of our own bug: it says nothing but the request id, by which the log can be searched."""
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"request_id": request_id})
    return _status(INTERNAL, f"internal error (request {request_id})", info)


def _status(code: int, sentence: str, *details: Message) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=sentence)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _details(error: VoiceboxError) -> list[Message]:
    match error:
        case InvalidField():
            violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.sentence)
            return [error_details_pb2.BadRequest(field_violations=[violation])]
        case ResourceError():
            return [
                error_details_pb2.ResourceInfo(
                    resource_type=error.kind, resource_name=error.name, description=error.sentence
                )
            ]
        case Precondition():
            unmet = error_details_pb2.PreconditionFailure.Violation(
                type=error.reason, subject=error.subject, description=error.sentence
            )
            return [error_details_pb2.PreconditionFailure(violations=[unmet])]
        case Unavailable(retry_seconds=float(seconds)) | Exhausted(retry_seconds=float(seconds)):
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(round(1000 * seconds))
            return [error_details_pb2.RetryInfo(retry_delay=delay)]
        case _:
            return []
