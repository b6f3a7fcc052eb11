"""The stores that the catalog's tests run on: SQLite with a folder, and PostgreSQL with S3, both started here."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.launch import free_ports

START_SECONDS = 60


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs: Debian's, or where `initdb` is found."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


class Postgres:
    """A server of its own on a free port, in a folder of its own; `stop` and `start` keep its data."""

    def __init__(self, programs: Path, folder: Path, *, fsync: bool) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._fsync = fsync
        self._user = _unprivileged()
        self.port = free_ports(1)[0]
        if self._user:
            shutil.chown(folder, self._user)
        initdb = ["--username", "catalog", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        self._run("initdb", "--pgdata", self._data, *initdb)

    def start(self) -> None:
        fsync = "on" if self._fsync else "off"
        options = (
            f"-p {self.port} -k {self._data} -h 127.0.0.1 -c fsync={fsync} -c full_page_writes={fsync} -c "
            "shared_buffers=32MB"
        )
        log = self._data.parent / "log"
        self._run("pg_ctl", "start", "--wait", "--pgdata", self._data, "--log", log, "--options", options)

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends running transactions, `immediate` is a crash."""
        self._run("pg_ctl", "stop", "--wait", "--pgdata", self._data, "--mode", mode)

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://catalog@127.0.0.1:{self.port}/{database}"

    def query(self, database: str, *statements: str) -> list[str]:
        """Runs statements, each by itself, and answers their lines."""
        commands = [word for statement in statements for word in ("-c", statement)]
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "catalog", "-v", "ON_ERROR_STOP=1", "-XqAt"]
        return self._run("psql", *options, *commands, database).splitlines()

    def clear(self, database: str) -> None:
        """Ends whoever is still connected, and deletes all rows but the revision."""
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
            "pg_backend_pid()"
        )
        each = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        loop = f"FOR name IN {each} LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;"
        self.query(database, ended, f"DO $$ DECLARE name text; BEGIN {loop} END $$")

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database of its own without tables, dropped at the end. Answers its name."""
        name = f"test_{uuid.uuid4().hex}"
        self.query("postgres", f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            with suppress(subprocess.CalledProcessError):  # a test may have stopped the server
                self.query("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def on_disk(self, disk: Path, url: str) -> Iterator[None]:
        """The database at a URL of `url` lies on that file system; what PostgreSQL writes ahead does not."""
        database, name = url.rpartition("/")[2], f"disk_{uuid.uuid4().hex}"
        folder = self._data.parent / name  # it may not enter folders of tests
        folder.mkdir()
        subprocess.run(["mount", "--bind", disk, folder], check=True)
        try:
            if self._user:
                shutil.chown(folder, self._user)
            self.query("postgres", f"CREATE TABLESPACE {name} LOCATION '{folder}'")
            self.query("postgres", f"ALTER DATABASE {database} SET TABLESPACE {name}")
            yield
            self.query("postgres", f"DROP DATABASE {database} WITH (FORCE)", f"DROP TABLESPACE {name}")
        finally:
            subprocess.run(["umount", "-l", folder], check=True)

    def _run(self, program: str, *arguments: str | Path) -> str:
        # By setpriv and not by `user=`, for which Python forks: a fork beside gRPC's threads crashed.
        become = ["setpriv", f"--reuid={self._user}", "--clear-groups"] if self._user else []
        line = [*become, self._programs / program, *arguments]
        done = subprocess.run(line, check=False, text=True, capture_output=True, cwd="/")
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, line, done.stdout, done.stderr)
        return done.stdout


@contextmanager
def postgres(*, fsync: bool) -> Iterator[Postgres]:
    programs = postgres_programs()
    assert programs
    with tempfile.TemporaryDirectory(prefix="voicebox-postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(programs, Path(folder), fsync=fsync)
        server.start()
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):
                server.stop("immediate")


def _unprivileged() -> str | None:
    """Whom PostgreSQL runs as, since it refuses root."""
    if os.getuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass(frozen=True)
class ObjectStore:
    """moto's server, which speaks S3."""

    endpoint: str

    def make_bucket(self) -> str:
        """Answers the URL of a new bucket."""
        name = f"test-{uuid.uuid4().hex}"
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        urllib.request.urlopen(request, timeout=START_SECONDS).close()
        return f"s3://{name}/catalog?endpoint={self.endpoint}&region=us-east-1"

    def forget(self) -> None:
        """Drops all buckets."""
        urllib.request.urlopen(
            urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST"), timeout=START_SECONDS
        ).close()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    port = free_ports(1)[0]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(server, port)
        yield ObjectStore(f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError("moto's server did not start")
