"""The wheels alone, as the images install them, hold every file and start every service."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

PACKAGES = {
    "protos": "gen/voicebox",
    "libs/kit": "voicebox_kit",
    "libs/blobs": "voicebox_blobs",
    "libs/audio": "voicebox_audio",
    "libs/models": "voicebox_models",
    "libs/compat": "voicebox_compat",
    "libs/lexicon": "voicebox_lexicon",
    "libs/outbox": "voicebox_outbox",
    "libs/metering": "voicebox_metering",
    "libs/sql": "voicebox_sql",
    "services/tts": "voicebox_tts",
    "services/asr": "voicebox_asr",
    "services/catalog": "voicebox_catalog",
    "services/accounts": "voicebox_accounts",
    "services/conversion": "voicebox_conversion",
    "services/jobs": "voicebox_jobs",
    "gateway": "voicebox_gateway",
}
DATA = {"protos": "voicebox/descriptors.binpb", "gateway": "voicebox_gateway/envoy/envoy.yaml"}

WHERE_SERVICES_ARE = """
import json, sys
from importlib.metadata import entry_points
services = entry_points(group="voicebox.services")
print(json.dumps({service.name: sys.modules[service.load().__module__].__file__ for service in services}))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel of each package, built offline from this checkout."""
    root = Path(__file__).parents[2]
    return {package: _build(root / package, tmp_path_factory.mktemp("wheel")) for package in PACKAGES}


@pytest.fixture(scope="module")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all wheels installed; their dependencies come from this environment."""
    target = tmp_path_factory.mktemp("installed")
    _uv("pip", "install", "--quiet", "--offline", "--no-deps", "--target", str(target), *map(str, wheels.values()))
    return target


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_every_file_of_its_package(package: str, wheels: dict[str, Path], root: Path) -> None:
    source = root / package / PACKAGES[package]
    files = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in ZipFile(wheels[package]).namelist() if ".dist-info/" not in name}
    assert packed == files
    assert DATA.get(package, f"{PACKAGES[package]}/py.typed") in packed


def test_every_service_is_found_in_the_wheels_alone(installed: Path) -> None:
    where = json.loads(_python(installed, "-c", WHERE_SERVICES_ARE))
    assert set(where) == {
        "accounts", "catalog", "tts", "asr", "conversion", "jobs", "jobs-worker", "gateway", "web", "wyoming",
    }  # fmt: skip
    assert all(Path(module).is_relative_to(installed) for module in where.values()), where


def test_the_images_command_runs(installed: Path) -> None:
    assert "SERVICES" in _python(installed, str(installed / "bin" / "voicebox-serve"), "--help")


def _build(package: Path, out: Path) -> Path:
    _uv("build", "--quiet", "--offline", "--wheel", "--no-build-isolation", "--out-dir", str(out), str(package))
    (wheel,) = out.glob("*.whl")
    return wheel


def _uv(command: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "uv", command, *arguments], check=True, env={**os.environ, "UV_PYTHON": sys.executable}
    )


def _python(installed: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    ran = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
