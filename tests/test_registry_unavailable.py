"""A registry that is away fails a test that needs it, with a sentence, and is never a skip."""

import subprocess

import pytest

from .support import npm, sdk


@pytest.mark.parametrize(
    ("module", "make", "sentence"),
    [
        (sdk, lambda: sdk.sdk_environment("away", "nothing==1"), "error: Failed to fetch: https://example.invalid"),
        (npm, lambda: npm.npm_folder("away", "nothing@1"), "npm error code ENOTFOUND"),
    ],
)
def test_no_registry_is_a_failure_that_says_so(tmp_path, monkeypatch, module, make, sentence):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess((), 1, "", sentence))
    with pytest.raises(sdk.RegistryAway, match="No package registry answers"):
        make()
