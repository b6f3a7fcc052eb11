"""The tables in the READMEs of the services say what the code says: variables, defaults, engines and files."""

import importlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from voicebox_kit import variables

ROOT = Path(__file__).parents[2]
SERVICES = ("asr", "tts", "conversion", "catalog", "accounts", "jobs")
EVERYWHERE = {"LOG_LEVEL", "LOG_FORMAT", "VOICEBOX_TRACES"}
"""Variables that `voicebox_kit.logs` and `voicebox_kit.tracing` read for every service."""
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
FILES = re.compile(r"(?<![\w/.-])[\w*/-]+\.py\b|(?<=`)(?:[\w-]+/)+(?=`)")
"""Names of files, and of folders in code spans."""

Row = list[str]


class Environment(dict[str, str]):
    """An environment without variables that remembers which it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.read = set[str]()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.read.add(name)
        return default


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def defaults(service: str, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The default of every variable that the settings of the service read, empty where there is none."""
    found: dict[str, str] = {}

    def text(env: Mapping[str, str], name: str, default: str) -> str:
        found.setdefault(name, default.replace(str(Path("var").absolute()), "{VOICEBOX_DATA}"))
        return default

    def boolean(env: Mapping[str, str], name: str, default: bool) -> bool:
        found[name] = str(int(default))
        return default

    monkeypatch.setattr(variables, "text", text)
    monkeypatch.setattr(variables, "boolean", boolean)
    env = Environment()
    settings = importlib.import_module(f"voicebox_{service}.settings")
    settings.Settings.read(env)
    return {**dict.fromkeys(env.read, ""), **found}


def test_every_variable_is_in_the_readme_with_its_default(service: str, defaults: Mapping[str, str]) -> None:
    written = dict(_written_defaults(_readme(service)))
    assert {name: _value(default) for name, default in defaults.items()} == {
        name: _value(default)
        for name, default in written.items()
        if name not in EVERYWHERE and not name.startswith("AWS_")
    }


def test_the_variables_of_s3_are_in_the_readme_of_who_reads_them(service: str) -> None:
    source = (_package(service) / "settings.py").read_text()
    assert ('startswith("AWS_")' in source) == ("AWS_" in _readme(service))


def test_every_file_that_is_named_exists(service: str) -> None:
    package = _package(service)
    named = set(FILES.findall(_readme(service)))
    assert named
    assert not [name for name in named if not (list(package.rglob(name)) or (ROOT / name).exists())]


def test_every_engine_is_in_the_readme(service: str) -> None:
    project = tomllib.loads((ROOT / f"services/{service}/pyproject.toml").read_text())["project"]
    engines = set(project.get("entry-points", {}).get(f"voicebox.{service}.engines", {}))
    assert {row[0].strip("`") for header, row in _rows(_readme(service)) if header[0] == "Engine"} == engines


def _written_defaults(readme: str) -> Iterator[tuple[str, str]]:
    for header, row in _rows(readme):
        if header[0] == "Variable":
            names = re.findall(r"`([A-Z0-9_]+)`", row[0])
            cells = row[1].split(", ") if len(names) > 1 and row[1] else [row[1]] * len(names)
            yield from zip(names, cells, strict=True)


def _value(text: str) -> tuple[float | str, ...]:
    """A default as it compares: numbers, sizes in bytes, or texts."""
    parts = text.strip().strip("`").replace("{VOICEBOX_DATA}", "var").split(",")
    return tuple(_number(part) for part in parts)


def _number(text: str) -> float | str:
    number, _, unit = text.partition(" ")
    try:
        return float(number) * UNITS.get(unit, 1)
    except ValueError:
        return text


def _rows(readme: str) -> Iterator[tuple[Row, Row]]:
    """The rows of all tables, each with the header of its table."""
    header: Row = []
    for line in readme.splitlines():
        if not line.startswith("|"):
            header = []
        elif not header:
            header = _cells(line)
        elif not set(line) <= set("|-: "):
            yield header, _cells(line)


def _cells(line: str) -> Row:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _readme(service: str) -> str:
    return (ROOT / f"services/{service}/README.md").read_text()


def _package(service: str) -> Path:
    return ROOT / f"services/{service}/voicebox_{service}"
