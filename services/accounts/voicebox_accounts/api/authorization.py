"""Answers Envoy: which requests go on, and what their services are told about the caller."""

from typing import Any

import grpc
from google.rpc import status_pb2
from voicebox.accounts.v1 import authorization_pb2 as pb
from voicebox.accounts.v1 import authorization_pb2_grpc
from voicebox_kit import call_log, client_secrets, principal, request_id
from voicebox_kit.authentication import WEB, Authentication
from voicebox_kit.errors import Unauthenticated, VoiceboxError

from voicebox_accounts.access import credentials, table
from voicebox_accounts.access.gatekeeper import Admitted, Gatekeeper, Request

from .refusals import form, header, rate_headers, refusal

ENVOY_SERVICE = "envoy.service.auth.v3.Authorization"
"""The name under which Envoy calls."""

KEY_ID = "key_id"
"""Of the metadata that the gateway logs."""

Context = grpc.aio.ServicerContext[Any, Any]


class AuthorizationServicer(authorization_pb2_grpc.AuthorizationServiceServicer):
    """The envoy.service.auth.v3.Authorization. What it raises besides is UNAVAILABLE for Envoy, which then refuses."""

    def __init__(self, gatekeeper: Gatekeeper, authentication: Authentication) -> None:
        self._gatekeeper, self._authentication = gatekeeper, authentication

    async def Check(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        found = _request(request)
        if found.request_id:  # Envoy's own call has another one
            request_id.current.set(found.request_id)
        try:
            if not self._authentication.is_on:
                raise Unauthenticated("AUTHENTICATION_OFF", "The gateway authenticates, and accounts does not.")
            admitted = await self._gatekeeper.admit(found)
        except VoiceboxError as error:
            return refusal(error, found.request_id, form(found.path, found.headers))
        answer = pb.CheckResponse(status=status_pb2.Status(), ok_response=self._allowed(found, admitted))
        if admitted.principal and admitted.principal.key:
            answer.dynamic_metadata.update({KEY_ID: admitted.principal.key})
            call_log.note(KEY_ID, admitted.principal.key)
        return answer

    def _allowed(self, request: Request, admitted: Admitted) -> pb.AllowedResponse:
        answer = pb.AllowedResponse(headers_to_remove=credentials.REMOVED)
        if admitted.principal:
            method = request.path if table.is_method(request.path) else WEB
            signed = self._authentication.signed(admitted.principal, method, request.request_id)
            answer.headers.append(header(principal.HEADER, signed))
        if admitted.session:
            answer.headers.append(header(client_secrets.SESSION_HEADER, admitted.session))
        if offered := request.headers.get(credentials.SUBPROTOCOL_HEADER):
            if kept := credentials.without_keys(offered):
                answer.headers.append(header(credentials.SUBPROTOCOL_HEADER, kept))
            else:
                answer.headers_to_remove.append(credentials.SUBPROTOCOL_HEADER)
        if admitted.requests_left:
            answer.response_headers_to_add.extend(rate_headers(admitted.requests_left))
        return answer


def _request(request: pb.CheckRequest) -> Request:
    http = request.attributes.request.http
    headers = dict(http.headers)
    path = http.path.partition("?")[0]
    return Request(
        path=path,
        headers=headers,
        request_id=headers.get(request_id.HEADER, ""),
        peer=request.attributes.source.address.socket_address.address,
        object=headers.get("x-envoy-original-path", "" if table.is_method(path) else path).partition("?")[0],
    )
