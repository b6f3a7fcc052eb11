"""Who may call what: the table has every method there is, and nothing else."""

import re

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from starlette.routing import Route, WebSocketRoute
from voicebox_accounts.access import table
from voicebox_accounts.access.table import METHODS, Owners, allows, find_rule
from voicebox_accounts.keys.scopes import Scope
from voicebox_gateway.envoy import google_rest
from voicebox_gateway.envoy.reflection import OTHERS
from voicebox_gateway.web import routes

from .contracts import CONTRACT

pytestmark = pytest.mark.unit


def methods_of_contracts():
    """Every method of our contract, of other people's, and of the versions that share their messages."""
    for file in FileDescriptorSet.FromString(CONTRACT).file:
        for service in file.service:
            yield from (f"/{file.package}.{service.name}/{method.name}" for method in service.method)
    for module in OTHERS:
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)
    for file in google_rest.descriptors().file:
        for service in file.service:
            yield from (f"/{file.package}.{service.name}/{method.name}" for method in service.method)


def test_every_method_has_a_row_and_no_row_is_without_a_method():
    reflection = {method for method in METHODS if method.startswith("/grpc.reflection.")}
    assert set(METHODS) - reflection == set(methods_of_contracts())


def web_paths():
    for route in routes.app(None, 1).routes:
        assert isinstance(route, Route | WebSocketRoute)
        yield re.sub(r"\{[^}]*\}", "any/thing", route.path)


@pytest.mark.parametrize("path", sorted(set(web_paths())))
def test_every_path_of_web_has_a_row(path):
    assert find_rule(path) is not None


@pytest.mark.parametrize("path", ["/voicebox.tts.v1.TextToSpeechService/Invented", "/v1/invented", "/", ""])
def test_what_is_not_in_the_table_is_nobodys(path):
    assert find_rule(path) is None


def test_nobody_from_outside_calls_internal_methods():
    internal = [method for method, rule in METHODS.items() if rule.is_internal]
    assert len(internal) == 11
    assert not any(allows(METHODS[method], frozenset(Scope)) for method in internal)


def test_a_scope_allows_its_own_methods_and_admin_all_others():
    for method, rule in METHODS.items():
        if rule.is_internal:
            continue
        for scope in Scope:
            expected = rule.scope in (None, scope) or scope is Scope.ADMIN
            assert allows(rule, frozenset({scope})) is expected, (method, scope)
        assert allows(rule, frozenset()) is (rule.scope is None)


def test_what_everybody_may_call_has_nobodys_data():
    assert all(rule.owners is Owners.NONE for rule in METHODS.values() if rule.scope is None and not rule.is_internal)


def test_the_realtime_api_needs_one_of_two_scopes():
    for scopes, expected in (({"speak"}, True), ({"hear"}, True), ({"admin"}, True), ({"read"}, False), (set(), False)):
        assert allows(table.REALTIME, frozenset(scopes)) is expected
