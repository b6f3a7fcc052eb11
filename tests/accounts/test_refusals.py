"""Refusals are in the form that clients of a path read."""

import re

import pytest
from voicebox_accounts.api.refusals import Form, form
from voicebox_compat import openai
from voicebox_gateway.docs import openai_paths

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("path", sorted({*openai_paths.REQUESTS, *openai_paths.OTHERS}))
def test_openais_clients_are_refused_as_openai_does_it(path: str) -> None:
    assert form(f"{path}?limit=1", {}) is Form.OPENAI
    assert form("/a.method", {"x-envoy-original-path": path, "content-type": "application/grpc"}) is Form.OPENAI


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/filesystem", "/v1/speech:play?text=/v1/files", "/v1/inputs/a"])
def test_others_are_not(path: str) -> None:
    assert form(path, {}) is Form.JSON
    assert form(path, {"content-type": "application/grpc"}) is Form.GRPC
    assert not re.fullmatch(openai.PATHS, path)
