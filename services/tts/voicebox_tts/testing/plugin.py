"""`pytest --engine NAME` runs the suite on an installed text-to-speech engine, from wherever that comes."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("voicebox_tts.testing.suite")

SUITE = Path(__file__).with_name("suite.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --engine."""
    parser.addoption(
        "--engine",
        action="append",
        default=[],
        metavar="NAME",
        help="run voicebox's suite on this text-to-speech engine; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """With --engine the suite is run: alone, or beside the paths that are named."""
    if config.getoption("engine"):
        named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        config.args = [*named, str(SUITE)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of the suite runs on each engine that is named."""
    if metafunc.definition.path == SUITE and "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", metafunc.config.getoption("engine"), indirect=True, scope="module")
