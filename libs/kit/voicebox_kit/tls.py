"""Mutual TLS between the parts of the platform: one folder as cert-manager fills it, read anew when its files change.

`tls.crt` is the certificate with its chain, `tls.key` its key, `ca.crt` the authority whose certificates are believed,
each in PEM. Every part serves and calls with the certificate; who has none of the authority is refused.
"""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from . import file_identity, variables
from .errors import StartError

log = logging.getLogger(__name__)

FOLDER, NAME, HEALTH = "VOICEBOX_TLS_FOLDER", "VOICEBOX_TLS_NAME", "VOICEBOX_HEALTH_ADDRESS"
CHAIN, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"
REREAD_SECONDS = 1.0
OUT_OF_TIME = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""

Identity = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class TlsSettings:
    """Where the certificates are, and `name`, which the certificate of every server has; without one it has the host
    of its address. Health is told without TLS at `health_address`, nowhere when it is empty.
    """

    folder: Path
    name: str
    health_address: str

    @classmethod
    def read(cls, env: variables.Environment) -> "TlsSettings | None":
        """None without VOICEBOX_TLS_FOLDER. Raises StartError when a variable does not fit."""
        folder, name = variables.text(env, FOLDER, ""), variables.text(env, NAME, "")
        health = variables.text(env, HEALTH, "")
        if not folder:
            return None
        return cls(Path(folder).absolute(), name, variables.address(env, HEALTH, "") if health else "")


@dataclass(frozen=True)
class Certificates:
    """What the files hold, as PEM."""

    chain: bytes
    key: bytes
    authority: bytes


class Tls:
    """The certificates in a folder. Files that do not fit together leave those that were read last."""

    def __init__(self, settings: TlsSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises StartError when the files cannot be used."""
        self.settings, self._clock = settings, clock
        self._lock = threading.Lock()  # gRPC asks in threads of its own
        self._identity = _identity(settings.folder)
        self._certificates = read(settings.folder)
        self._looked = clock()

    def current(self) -> Certificates:
        """The same object as before unless the files changed; looked at most once in a second."""
        with self._lock:
            if self._clock() - self._looked > REREAD_SECONDS:
                self._looked = self._clock()
                self._reread()
            return self._certificates

    def _reread(self) -> None:
        identity = _identity(self.settings.folder)
        if identity == self._identity:
            return
        self._identity = identity
        try:
            self._certificates = read(self.settings.folder)
        except StartError as error:
            log.warning("the certificates before are still used: %s", error)
            return
        log.info("the certificates in %s are read anew", self.settings.folder)

    def server_credentials(self) -> grpc.ServerCredentials:
        """Of a server, whose new connections use the files as they are then."""

        def configuration() -> grpc.ServerCertificateConfiguration:
            current = self.current()
            return grpc.ssl_server_certificate_configuration([(current.key, current.chain)], current.authority)

        return grpc.dynamic_ssl_server_credentials(configuration(), configuration, require_client_authentication=True)

    def server_context(self) -> ssl.SSLContext:
        """The same for a server of Python's own TLS."""
        used, context = self.current(), _context(self.settings.folder, ssl.PROTOCOL_TLS_SERVER)
        newest = context

        def renew(connection: ssl.SSLObject, _server: str | None, _first: ssl.SSLContext) -> None:
            nonlocal used, newest
            if (current := self.current()) is not used:
                with suppress(StartError):  # replaced once more since
                    newest, used = _context(self.settings.folder, ssl.PROTOCOL_TLS_SERVER), current
            connection.context = newest

        context.sni_callback = renew
        return context


def read(folder: Path) -> Certificates:
    """The files of a folder. Raises StartError when one is missing, or they do not fit together; what is not valid at
    this time is a warning.
    """
    before = _identity(folder)
    try:
        chain, key, authority = ((folder / name).read_bytes() for name in (CHAIN, KEY, AUTHORITY))
    except OSError as error:
        raise StartError(f"{FOLDER} must hold {CHAIN}, {KEY} and {AUTHORITY}: {error}.") from error
    _check(folder)
    if _identity(folder) != before:
        raise StartError(f"The certificates in {folder} were replaced while they were read.")
    return Certificates(chain, key, authority)


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Have a context use a certificate and its key, both in PEM. Raises StartError when they do not fit together."""
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # never asks the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise StartError(f"{key} is not the key of {certificate}.") from error
        raise StartError(f"{certificate} and {key} are no certificate and its key without a password.") from error
    except OSError as error:
        raise StartError(f"{certificate} and {key} cannot be read: {error}.") from error


def _context(folder: Path, kind: int) -> ssl.SSLContext:
    """TLS 1.2 and newer, where both sides show a certificate of the authority."""
    context = ssl.SSLContext(kind)
    context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, folder / CHAIN, folder / KEY)
    try:
        context.load_verify_locations(folder / AUTHORITY)
    except (ssl.SSLError, OSError) as error:
        raise StartError(f"{folder / AUTHORITY} is no certificate of an authority: {error}.") from error
    return context


def _check(folder: Path) -> None:
    """A handshake with itself, in memory: the authority must have signed the certificate for servers and clients."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = _context(folder, ssl.PROTOCOL_TLS_SERVER).wrap_bio(to_server, to_client, server_side=True)
    client = _context(folder, ssl.PROTOCOL_TLS_CLIENT).wrap_bio(to_client, to_server)
    try:
        for side in (client, server, client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code not in OUT_OF_TIME:
            raise StartError(f"{folder / CHAIN} does not fit {AUTHORITY}: {error.verify_message}.") from error
        log.warning("%s: %s; others will refuse it", folder / CHAIN, error.verify_message)


def _identity(folder: Path) -> Identity:
    return tuple(file_identity.identity(folder / name) for name in (CHAIN, KEY, AUTHORITY))
