"""Signed principals: what one part of the platform believes of another, and what it does not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from voicebox_kit import authentication, client_secrets, signing_keys
from voicebox_kit.authentication import LIFE_SECONDS, Authentication, AuthenticationSettings
from voicebox_kit.errors import StartError, Unauthenticated
from voicebox_kit.principal import HEADER, Principal
from voicebox_kit.request_id import HEADER as REQUEST_ID
from voicebox_kit.signing_keys import REREAD_SECONDS, SigningKeys

pytestmark = pytest.mark.unit

METHOD = "/voicebox.tts.v1.TextToSpeechService/Synthesize"
ANN = Principal("ann", frozenset({"speak", "read"}), "k1", is_limited=True, is_counted=True, stored_bytes=7)


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    signing_keys.create(tmp_path / "signing.keys")
    return tmp_path / "signing.keys"


@pytest.fixture
def ours(path, clock):
    return Authentication(SigningKeys(path), clock)


def accepted(by, value, method=METHOD, request="r1"):
    return by.principal(method, [(REQUEST_ID, request), (HEADER, value)])


def refused(by, value, **given):
    with pytest.raises(Unauthenticated) as error:
        accepted(by, value, **given)
    assert error.value.reason == "PRINCIPAL_INVALID"
    return True


def test_what_was_signed_is_believed_once(ours):
    value = ours.signed(ANN, METHOD, "r1")
    assert accepted(ours, value) == ANN
    assert refused(ours, value)


def test_it_is_for_one_method_and_one_request_alone(ours):
    value = ours.signed(ANN, METHOD, "r1")
    assert refused(ours, value, method="/voicebox.catalog.v1.CatalogService/DeleteProfile")
    assert refused(ours, value, request="r2")
    assert accepted(ours, value) == ANN


def test_it_expires(ours, clock):
    value = ours.signed(ANN, METHOD, "r1")
    clock.now += LIFE_SECONDS
    assert refused(ours, value)


def test_what_is_missing_changed_or_foreign_is_refused(ours, tmp_path):
    value = ours.signed(ANN, METHOD, "r1")
    name, payload, code = value.split(".")
    signing_keys.create(tmp_path / "others.keys")
    foreign = Authentication(SigningKeys(tmp_path / "others.keys")).signed(ANN, METHOD, "r1")
    root = Authentication.signed(ours, replace(ANN, owner="root"), METHOD, "r1").split(".")[1]
    for forged in ("", "ann", "..", f"{name}.{root}.{code}", f"{name}.{payload}.", f"x.{payload}.{code}", foreign):
        assert refused(ours, forged)
    for bad in (f"{name}.{payload}!.{code}", f"{name}.é.{code}", f"{name}.{payload}.{code}.{code}"):
        assert refused(ours, bad)


def test_without_authentication_nothing_is_verified():
    assert authentication.NO_AUTHENTICATION.principal(METHOD, [(HEADER, "ann")]) is None


def test_the_memory_of_what_was_used_is_bounded_and_forgets_what_expired(ours, clock, monkeypatch):
    monkeypatch.setattr(authentication, "MAX_SEEN", 10)
    for number in range(30):
        accepted(ours, ours.signed(ANN, METHOD, f"r{number}"), request=f"r{number}")
    assert len(ours._seen) == 10
    clock.now += LIFE_SECONDS + 1
    accepted(ours, ours.signed(ANN, METHOD, "last"), request="last")
    assert len(ours._seen) == 1


def line(name, byte):
    return f"{name} {'A' * 42}{byte}=\n"


def test_keys_are_rotated_without_a_restart(path, clock):
    path.write_text(line("old", "A"))
    seconds = Clock()
    ours = Authentication(SigningKeys(path, seconds), clock)
    before = ours.signed(ANN, METHOD, "r1")
    path.write_text(line("new", "E") + line("old", "A"))
    seconds.now += 2 * REREAD_SECONDS
    after = ours.signed(ANN, METHOD, "r2")
    assert (before.split(".")[0], after.split(".")[0]) == ("old", "new")
    assert accepted(ours, before) == ANN
    path.write_text(line("new", "E"))
    seconds.now += 2 * REREAD_SECONDS
    assert refused(ours, ours.signed(ANN, METHOD, "r1").replace("new.", "old."))


def test_a_file_that_breaks_leaves_the_keys_as_they_were(path):
    seconds = Clock()
    keys = SigningKeys(path, seconds)
    name, code = keys.sign(b"message")
    path.write_text("nonsense\n")
    seconds.now += 2 * REREAD_SECONDS
    assert keys.verify(name, b"message", code)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o666])
def test_a_file_that_others_may_read_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(StartError, match="chmod 600"):
        SigningKeys(path)


@pytest.mark.parametrize("content", ["", "\n", "id", "id short", "id !!!", f"id {'A' * 20}"])
def test_a_file_without_a_key_is_refused(path, content):
    path.write_text(content)
    with pytest.raises(StartError):
        SigningKeys(path)


def test_the_file_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "data" / "signing.keys"
    for _ in range(2):
        signing_keys.create(path)
        first = path.read_text()
    assert path.read_text() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["signing.keys"]


def test_only_the_usual_file_is_made(tmp_path):
    missing = AuthenticationSettings.read({"VOICEBOX_AUTH": "keys", "VOICEBOX_SIGNING_KEYS": str(tmp_path / "none")})
    with pytest.raises(StartError, match="cannot be read"):
        missing.open()
    usual = AuthenticationSettings.read({"VOICEBOX_AUTH": "keys", "VOICEBOX_DATA": str(tmp_path)})
    assert usual.open().is_on
    assert Path(usual.keys_path).exists()
    assert not AuthenticationSettings.read({}).open().is_on


def test_a_client_secret_is_bound_to_its_settings(ours, clock):
    secret = client_secrets.signed("ek_settings", ANN, clock.now + 60, ours)
    found = client_secrets.opened(secret, ours)
    assert found is not None
    assert (found.settings, found.principal.owner, found.principal.scopes) == ("ek_settings", "ann", ANN.scopes)
    statement = secret.partition(".")[2]
    assert client_secrets.opened(f"ek_others.{statement}", ours) is None
    assert client_secrets.opened("ek_settings", ours) is None
    clock.now += 60
    assert client_secrets.opened(secret, ours) is None


def test_neither_kind_of_statement_stands_for_the_other(ours, clock):
    statement = client_secrets.signed("ek_settings", ANN, clock.now + 60, ours).partition(".")[2]
    assert refused(ours, statement)
    assert client_secrets.opened(f"ek_settings.{ours.signed(ANN, METHOD, 'r1')}", ours) is None
