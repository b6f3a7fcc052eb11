"""Decides about a request at the gateway: who calls, whether they may, and what is said in the audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from voicebox_kit.audit import ALLOWED, AuditLine, AuditLog
from voicebox_kit.errors import Denied, VoiceboxError
from voicebox_kit.principal import Principal

from voicebox_accounts.limits.requests import RequestMeter, RequestsLeft

from . import credentials, table
from .callers import Caller, Callers


@dataclass(frozen=True)
class Request:
    """A request that waits at the gateway. `path` is a gRPC method or a path of web, without its query; `object` is the
    HTTP path that the client called, without its query.
    """

    path: str
    headers: Mapping[str, str]
    request_id: str
    peer: str
    object: str


@dataclass(frozen=True)
class Admitted:
    """The request goes on, for `principal`; None where nobody had to say who they are."""

    principal: Principal | None
    session: str = ""
    requests_left: RequestsLeft | None = None


@dataclass
class _Decision:
    """What is known so far, for the audit."""

    principal: Principal | None = None
    is_write: bool = False
    left: RequestsLeft | None = field(default=None)


class Gatekeeper:
    """Every request that has to be decided about comes here."""

    def __init__(self, callers: Callers, meter: RequestMeter, audit: AuditLog) -> None:
        self._callers, self._meter, self._audit = callers, meter, audit

    async def admit(self, request: Request) -> Admitted:
        """Admit a request. Raises Unauthenticated, Denied or Exhausted."""
        decision = _Decision()
        try:
            admitted = await self._admit(request, decision)
        except VoiceboxError as error:
            self._audit.write(_line(request, decision, error.reason))
            raise
        if decision.is_write and not table.is_method(request.path):
            self._audit.write(_line(request, decision, ALLOWED))
        return admitted

    async def _admit(self, request: Request, decision: _Decision) -> Admitted:
        rule = table.find_rule(request.path)
        if rule is table.OPEN:
            return Admitted(None)
        caller: Caller = await self._callers.find(credentials.find(request.headers))
        decision.principal = caller.principal
        if rule is None or not table.allows(rule, caller.principal.scopes):
            needed = f" It needs the scope {rule.scope}." if rule and rule.scope else ""
            raise Denied("SCOPE_MISSING", f"This key does not allow that.{needed}")
        decision.is_write = rule.is_write
        left = await self._meter.take(caller.limits.get("requests_per_minute"))
        principal = replace(caller.limited_principal, is_write=rule.is_write)
        return Admitted(principal, caller.session, left)


def _line(request: Request, decision: _Decision, outcome: str) -> AuditLine:
    return AuditLine(
        owner=decision.principal.owner if decision.principal else "",
        key=decision.principal.key if decision.principal else "",
        method=request.path,
        object=request.object,
        decision=outcome,
        request_id=request.request_id,
        peer=request.peer,
    )
