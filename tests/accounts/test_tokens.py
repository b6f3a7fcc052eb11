"""Tokens of an OpenID provider that is made here, with real RSA and EC keys."""

import asyncio
import base64
import hashlib
import hmac
import io
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from voicebox_accounts.keys import tokens
from voicebox_accounts.keys.tokens import KeyFile, KeyUrl, TokenVerifier, owner_of
from voicebox_kit.errors import StartError, Unauthenticated

ISSUER, AUDIENCE = "https://id.example.org", "voicebox"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(private, key_id, algorithm):
    made = (jwt.algorithms.RSAAlgorithm if algorithm.startswith("RS") else jwt.algorithms.ECAlgorithm).to_jwk(
        private.public_key(), as_dict=True
    )
    return {**made, "kid": key_id, "alg": algorithm, "use": "sig"}


JWKS = {"keys": [jwk(RSA, "rsa-1", "RS256"), jwk(EC, "ec-1", "ES256")]}


def token(private=RSA, algorithm="RS256", key_id="rsa-1", headers=None, **claims):
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now + 60, "iat": now, "scope": "voicebox.speak"}
    payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(payload, private, algorithm=algorithm, headers={"kid": key_id, **(headers or {})})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(JWKS))
    return path


def verifier(keys, usual=()):
    return TokenVerifier(ISSUER, AUDIENCE, keys, ("RS256", "ES256"), "scope", usual)


@pytest.mark.parametrize(("private", "algorithm", "key_id"), [(RSA, "RS256", "rsa-1"), (EC, "ES256", "ec-1")])
async def test_issuer_and_subject_are_the_owner(path, private, algorithm, key_id):
    found = await verifier(KeyFile(path)).principal(token(private, algorithm, key_id))
    assert found.owner == owner_of(ISSUER, "ann")
    assert found.owner != owner_of("https://other.example.org", "ann")
    assert found.scopes == {"speak"}
    assert found.key == ""


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("voicebox.speak voicebox.read openid", {"speak", "read"}),
        (["voicebox.hear"], {"hear"}),
        ("admin manage", {"read"}),
        ("voicebox.everything", {"read"}),
        (None, {"read"}),
        (7, {"read"}),
    ],
)
async def test_scopes_are_ours_alone(path, scope, expected):
    found = await verifier(KeyFile(path), ("read",)).principal(token(scope=scope))
    assert found.scopes == expected


def unsigned(algorithm="none"):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": int(time.time()) + 60}
    return f"{part({'alg': algorithm, 'kid': 'rsa-1', 'typ': 'JWT'})}.{part(claims)}"


def confused():
    """Signed by HMAC with the public key, which everybody has."""
    public = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    message = unsigned("HS256")
    code = hmac.digest(public, message.encode(), hashlib.sha256)
    return f"{message}.{base64.urlsafe_b64encode(code).decode().rstrip('=')}"


WRONG = {
    "expired": lambda: token(exp=int(time.time()) - 60),
    "without expiry": lambda: token(exp=None),
    "another issuer": lambda: token(iss="https://evil.example.org"),
    "without issuer": lambda: token(iss=None),
    "another audience": lambda: token(aud="others"),
    "without audience": lambda: token(aud=None),
    "without subject": lambda: token(sub=None),
    "not yet valid": lambda: token(nbf=int(time.time()) + 600),
    "signed by another": lambda: token(OTHER),
    "an unknown key": lambda: token(key_id="rsa-9"),
    "no key named": lambda: token(key_id=""),
    "an algorithm that is not pinned": lambda: token(algorithm="RS512"),
    "not signed": lambda: f"{unsigned()}.",
    "signed by the public key": confused,
    "no token": lambda: "a.b.c",
    "another key's algorithm": lambda: token(EC, "ES256", "rsa-1"),
    "an expiry beyond all numbers": lambda: token(exp=10**400),
    "an expiry that is none": lambda: token(exp="soon"),
    "an endless expiry": lambda: token(exp=float("inf")),
    "a subject without a name": lambda: token(sub=""),
    "a header within headers": lambda: base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.AAAA",
    "a key id that is a list": lambda: base64.urlsafe_b64encode(b'{"alg":"RS256","kid":[]}').decode() + ".e30.AAAA",
}


@pytest.mark.parametrize("kind", WRONG)
async def test_others_are_refused(path, kind):
    with pytest.raises(Unauthenticated) as refused:
        await verifier(KeyFile(path)).principal(WRONG[kind]())
    assert refused.value.reason == "TOKEN_INVALID"


async def test_a_key_that_rotates_is_known_at_once(path):
    known = verifier(KeyFile(path))
    with pytest.raises(Unauthenticated):
        await known.principal(token(OTHER, key_id="rsa-2"))
    path.write_text(json.dumps({"keys": [jwk(OTHER, "rsa-2", "RS256")]}))
    await known.principal(token(OTHER, key_id="rsa-2"))
    with pytest.raises(Unauthenticated):
        await known.principal(token())
    for broken in ("broken", "[" * 100_000, json.dumps({"keys": [5, None, {}]})):
        path.write_text(broken)
        await known.principal(token(OTHER, key_id="rsa-2"))
    path.write_text(json.dumps({"keys": [{**jwk(RSA, "rsa-1", "RS256"), "kid": [1]}, jwk(OTHER, "rsa-2", "RS256")]}))
    await known.principal(token(OTHER, key_id="rsa-2"))
    path.write_text(json.dumps({"keys": [{**jwk(OTHER, "rsa-2", "RS256"), "use": "enc"}]}))
    with pytest.raises(Unauthenticated):
        await known.principal(token(OTHER, key_id="rsa-2"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": 3}', "[" * 100_000])
def test_a_file_that_holds_no_keys_is_refused_at_start(path, content):
    path.write_text(content)
    with pytest.raises(StartError, match="ACCOUNTS_JWT_KEYS"):
        KeyFile(path)


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.org/jwks",
        "http://localhost.example.org/jwks",
        "http://127.0.0.1.example.org/jwks",
        "http://localhost@example.org/jwks",
        "ftp://localhost/jwks",
        "file://localhost/jwks",
        "//localhost/jwks",
        "http://[::1/jwks",
    ],
)
def test_a_url_that_others_could_change_is_refused(url):
    with pytest.raises(StartError, match="https"):
        KeyUrl(url)


async def test_a_url_that_leads_to_one_that_others_could_change_is_not_believed(provider, monkeypatch):
    class Answer(io.BytesIO):
        def geturl(self):
            return "http://id.example.org/jwks"

    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Answer(json.dumps(JWKS).encode()))
    with pytest.raises(Unauthenticated):
        await verifier(KeyUrl(provider.url)).principal(token())


@pytest.fixture
def provider():
    """Serves keys by HTTP on this machine, and counts how often."""

    class Handler(BaseHTTPRequestHandler):
        keys, url = JWKS, ""
        fetched = 0

        def do_GET(self):
            Handler.fetched += 1
            body = json.dumps(Handler.keys).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/jwks"
    yield Handler
    server.shutdown()
    server.server_close()
    thread.join()


async def test_keys_are_fetched_and_not_for_every_unknown_one(provider, monkeypatch):
    seconds = [0.0]
    known = verifier(KeyUrl(provider.url, lambda: seconds[0]))
    await known.principal(token())
    await known.principal(token(EC, "ES256", "ec-1"))
    assert provider.fetched == 1
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await known.principal(token(key_id="rsa-9"))
    assert provider.fetched == 1
    provider.keys = {"keys": [jwk(OTHER, "rsa-2", "RS256")]}
    seconds[0] += tokens.RETRY_SECONDS
    await asyncio.gather(*(known.principal(token(OTHER, key_id="rsa-2")) for _ in range(5)))
    assert provider.fetched == 2
