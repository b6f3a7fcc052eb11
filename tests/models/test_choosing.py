"""Which engines a service has, and which model is its default: what the person asked for, or the best that is here."""

import logging
from pathlib import Path

import pytest
from voicebox_kit.errors import StartError
from voicebox_models import store
from voicebox_models.choosing import EngineSettings, choose
from voicebox_models.engine import NotInstalled, Setup
from voicebox_models.family import preference

from .conftest import FakeEngine, FakeFamily

GROUP = "fake.engines"


@pytest.fixture
def big():
    return FakeFamily(FakeEngine("big", "best", present=False), FakeEngine("big", "good", present=False))


@pytest.fixture
def small():
    return FakeFamily(FakeEngine("small", "only"))


@pytest.fixture
def preferences():
    return {"big": 2, "small": 1}


@pytest.fixture
def setups():
    """What each entry point was called with, call by call."""
    return {}


@pytest.fixture
def chosen(install, big, small, preferences, setups):
    """Chooses among `big`, `small` and `another`, whose entry point states no preference."""

    def recorded(name, family):
        def entry_point(setup):
            setups.setdefault(name, []).append(setup)
            return family

        return preference(preferences[name])(entry_point) if name in preferences else entry_point

    install(
        another=recorded("another", FakeFamily(FakeEngine("another"))),
        big=recorded("big", big),
        small=recorded("small", small),
    )

    def chosen(setup=Setup("auto", "auto", Path("models")), **settings):  # noqa: B008
        return choose(GROUP, EngineSettings(**settings), setup)

    return chosen


def names(chosen):
    return [family.engines()[0].name for family in chosen.families.values()]


def test_auto_takes_the_best_engine_whose_model_is_here_and_says_so(chosen, big, caplog):
    caplog.set_level(logging.INFO)
    assert chosen().default.engine.model.name == "small/only"
    assert "no model of big is here" in chosen().default.reason
    assert "model small/only is the default. It is used" in caplog.text
    big.listed[1].present = True
    assert chosen().default.engine is big.listed[1]
    assert "best one here" in chosen().default.reason


def test_auto_passes_over_what_does_not_suit_this_machine_unless_nothing_else_is_here(chosen, big, small):
    big.listed[0].present, big.drawback = True, "there is no GPU for it"
    assert chosen().default.engine.model.name == "small/only"
    assert chosen().default.reason == "It is used when no other is named: big is not, there is no GPU for it."
    small.listed[0].present = False
    default = chosen().default
    assert default.engine.model.name == "another/1"
    assert default.reason.endswith("big is not, there is no GPU for it; no model of small is here.")


def test_what_does_not_suit_this_machine_is_better_than_nothing(install, big):
    big.listed[0].present, big.drawback = True, "there is no GPU for it"
    install(big=lambda setup: big)
    default = choose(GROUP, EngineSettings(), Setup("auto", "auto", Path())).default
    assert default.engine is big.listed[0]
    assert "since no other is here: big is not, there is no GPU for it" in default.reason


def test_auto_serves_all_that_is_installed_best_first(chosen):
    assert names(chosen()) == ["big", "small", "another"]


@pytest.mark.parametrize("error", [ImportError("No module named 'heavy'"), NotInstalled("The engine big needs heavy.")])
def test_auto_leaves_out_what_is_not_wholly_installed_and_says_so(install, small, caplog, error):
    caplog.set_level(logging.INFO)

    def broken(setup):
        raise error

    install(big=broken, small=lambda setup: small)
    assert names(choose(GROUP, EngineSettings(), Setup("auto", "auto", Path()))) == ["small"]
    assert "heavy" in caplog.text
    with pytest.raises(StartError, match="heavy"):
        choose(GROUP, EngineSettings("big"), Setup("auto", "auto", Path()))


def test_a_setting_that_the_best_engine_refuses_is_an_error_even_with_auto(install, small):
    def refusing(setup):
        raise StartError("There is no device cuda:7.")

    install(big=refusing, small=lambda setup: small)
    with pytest.raises(StartError, match="cuda:7"):
        choose(GROUP, EngineSettings(), Setup("cuda:7", "auto", Path()))


def test_the_device_is_for_the_first_engine_and_the_others_choose_their_own(chosen, setups):
    chosen(Setup("cuda:1", "int8", Path("models")))
    assert {name: [(setup.device, setup.compute_type) for setup in called] for name, called in setups.items()} == {
        "big": [("cuda:1", "int8")],
        "small": [("auto", "auto")],
        "another": [("auto", "auto")],
    }


def test_the_device_is_for_the_next_engine_where_the_best_is_not_installed(install, small):
    setups = []

    def absent(setup):
        raise NotInstalled("The engine big needs heavy.")

    def entry_point(setup):
        setups.append(setup)
        return small

    install(big=preference(2)(absent), small=preference(1)(entry_point))
    choose(GROUP, EngineSettings(), Setup("cuda:1", "int8", Path()))
    assert [setup.device for setup in setups] == ["cuda:1"]


def test_a_named_engine_is_alone_but_for_those_named_beside_it(chosen, big):
    assert names(chosen(engine="small")) == ["small"]
    assert names(chosen(engine="small", more=("another", "small"))) == ["small", "another"]
    with pytest.raises(StartError, match="No model of big is here"):
        chosen(engine="big")
    big.listed[1].present = True
    assert chosen(engine="big").default.engine is big.listed[1]
    with pytest.raises(StartError, match="There is no engine 'none'"):
        chosen(engine="none")


@pytest.mark.parametrize("model", ["models/big/good", "big/good", "good"])
def test_a_named_model_is_the_default_if_it_is_here(chosen, big, model):
    with pytest.raises(
        StartError, match=r"models/big/good are not here: `make models MODELS=models/big/good` fetches them"
    ):
        chosen(engine="big", model=model)
    big.listed[1].present = True
    assert chosen(model=model).default.engine is big.listed[1]
    assert "the settings name it" in chosen(model=model).default.reason


def test_a_model_of_no_engine_here_is_an_error(chosen, small):
    with pytest.raises(StartError, match="No engine of small runs a model 'big/good'"):
        small.engine = lambda model: None
        chosen(engine="small", model="big/good")


def test_a_folder_is_a_model_by_its_path(chosen, setups, big, tmp_path):
    folder = tmp_path / "own-model"
    with pytest.raises(StartError, match="no folder"):
        chosen(model=str(folder))
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    big.listed = (*big.listed, FakeEngine("big", "own-model"))
    assert chosen(model=str(folder)).default.engine.model.name == "big/own-model"
    assert setups["big"][-1].named_folder == folder
    assert store.folders(tmp_path / "none", "big", folder) == {"big/own-model": folder}


def test_only_with_auto_others_take_the_place_of_a_default_that_cannot_be_loaded(chosen, big, small):
    found = chosen()
    assert names_of(found.others)
    assert found.default.engine not in found.others
    assert all(engine.present for engine in found.others)
    assert chosen(engine="small").others == ()


def names_of(engines):
    return [engine.model.name for engine in engines]


@pytest.mark.parametrize("preferences", [{"big": 0, "small": 0}])
def test_equal_preference_goes_by_name_and_each_family_has_its_own_concurrency(chosen, small):
    small.concurrency = 2
    assert names(chosen()) == ["another", "big", "small"]
    assert [chosen().concurrency(family.engines()[0]) for family in chosen().families.values()] == [16, 16, 2]
