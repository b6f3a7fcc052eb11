"""What is not here: a service starts without a model, and says what to do about engines that are known and not
installed.
"""

from pathlib import Path

import pytest
from voicebox_kit.errors import NotFound, Precondition
from voicebox_models.choosing import EngineSettings, choose
from voicebox_models.engine import NotInstalled, Setup
from voicebox_models.models import Models

from .conftest import FakeEngine, FakeFamily

SETUP = Setup("auto", "auto", Path())


def absent(name):
    return FakeFamily(FakeEngine(name, "first", present=False), FakeEngine(name, "second", present=False))


@pytest.fixture
def models(install, executor, registry):
    """The models of engines, of which `gone` is not installed."""

    def models(settings, **families):
        def gone(_setup):
            raise NotInstalled("The engine gone is not installed: `make gone` installs it.")

        install(gone=gone, **{name: lambda _setup, family=family: family for name, family in families.items()})
        chosen = choose("fake.engines", settings, SETUP)
        return Models(
            "fake", tuple(chosen.families.values()), chosen.default, executor, registry, missing=chosen.missing
        )

    return models


async def test_without_any_model_a_service_starts_and_names_the_one_to_fetch(models, caplog):
    found = models(EngineSettings(), big=absent("big"), small=absent("small"))
    assert found.default.model.name == "big/first"
    await found.load_default()
    assert "`make models` fetches models/big/first" in caplog.text
    with pytest.raises(Precondition, match="models/big/first: Its files are not here") as refused:
        async with found.use(found.default):
            pass
    assert refused.value.reason == "MODEL_ABSENT"


async def test_a_model_that_comes_later_is_used(models):
    family = absent("big")
    found = models(EngineSettings(), big=family)
    await found.load_default()
    family.listed[0].present = True
    async with found.use(found.default):
        assert found.default.loaded


@pytest.mark.parametrize("model", ["models/gone/1", "models/gone/org/name"])
def test_a_model_of_an_engine_that_is_not_installed_says_how_to_install_it(models, model):
    found = models(EngineSettings(), big=FakeFamily(FakeEngine("big")))
    with pytest.raises(NotFound, match="The engine gone is not installed: `make gone` installs it"):
        found.find(model)
    assert "make gone" in found.hint("gone")


def test_an_engine_that_the_settings_leave_out_says_so(models):
    found = models(EngineSettings("big"), big=FakeFamily(FakeEngine("big")), small=FakeFamily(FakeEngine("small")))
    with pytest.raises(NotFound, match="The engine small is not served here"):
        found.find("models/small/1")


def test_an_unknown_engine_has_no_hint(models):
    found = models(EngineSettings(), big=FakeFamily(FakeEngine("big")))
    with pytest.raises(NotFound, match=r"There is no model 'models/other/1'\.$"):
        found.find("models/other/1")
    assert found.hint("other") == found.hint("big") == ""


def test_an_engine_may_say_itself_how_to_get_what_it_needs(models):
    family = absent("big")
    family.listed[0].instructions = "It needs a library."
    found = models(EngineSettings(), big=family, small=FakeFamily(FakeEngine("small")))
    assert found.hint("big") == "models/big/first: It needs a library."
