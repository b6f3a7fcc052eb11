"""Chooses a service's engines and its default model, and explains the choice."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from voicebox_kit import plugins
from voicebox_kit.errors import StartError

from .engine import Family, Loadable, NotInstalled, Setup
from .models import Default
from .store import written

log = logging.getLogger(__name__)

AUTO = "auto"

E = TypeVar("E", bound=Loadable)


@dataclass(frozen=True)
class EngineSettings:
    """What the settings say of engines. `engine` is `auto` or an entry point's name, `more` are others to serve.

    `model` is `{engine}/{model}`, `{model}`, a name at the hub, or a folder's path; empty for the engine's first model
    on this machine.
    """

    engine: str = AUTO
    more: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class Chosen(Generic[E]):
    """The families to serve by their names, best first, and the default model.

    `others` replace the default, in their order, when it cannot be loaded; there are none when the settings name the
    engine or the model. `missing` are the engines that are known and not served, by name, with a sentence on each.
    """

    families: Mapping[str, Family[E]]
    default: Default[E]
    others: tuple[E, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    def concurrency(self, engine: E) -> int:
        """How many sessions should run at once when an engine is the default."""
        return self.families[engine.name].concurrency


def choose(group: str, settings: EngineSettings, setup: Setup) -> Chosen[Any]:
    """The engines and the model that the settings name, of those installed in an entry-point group; with `auto`, the
    family of the highest preference that has a model on this machine.

    The setup's device and compute type are for the first engine; the others choose their own. Raises StartError when
    the settings cannot be met.
    """
    setup = replace(setup, named_folder=_folder(settings.model))
    missing: dict[str, str] = {}
    if settings.engine == AUTO:
        families = installed(group, setup, missing)
    else:
        families = {settings.engine: _family(group, settings.engine, setup)}
        families |= {name: _family(group, name, _free(setup)) for name in settings.more if name != settings.engine}
    default = _default(families, settings, setup)
    log.info("model %s is the default. %s", default.engine.model.name, default.reason)
    others = _others(families, default) if settings.engine == AUTO and not settings.model else ()
    unserved = {
        name: f"The engine {name} is not served here: the settings name others." for name in plugins.names(group)
    }
    missing = {name: sentence for name, sentence in (unserved | missing).items() if name not in families}
    return Chosen(families, default, others, missing)


def installed(group: str, setup: Setup, missing: dict[str, str] | None = None) -> dict[str, Family[Any]]:
    """The families of a group by name, the highest preference first; what is not completely installed is logged and put
    into `missing`. The setup's device and compute type are for the first.
    """
    families: dict[str, Family[Any]] = {}
    for name in sorted(plugins.names(group), key=lambda name: (-_preference(group, name), name)):
        try:
            families[name] = _family(group, name, _free(setup) if families else setup)
        except NotInstalled as error:
            log.info("%s", error)
            if missing is not None:
                missing[name] = str(error)
    if not families:
        raise StartError(f"No engine of {group} can be used; the log says why.")
    return families


def named(families: Mapping[str, Family[E]], model: str) -> E | None:
    """The engine that a person means by `{engine}/{model}`, `{model}` or a name at the hub; one that is here if there
    is one.
    """
    model = model.removeprefix("models/")
    engine = model.partition("/")[0]
    return families[engine].engine(model) if engine in families else _called(families, model)


def _called(families: Mapping[str, Family[E]], model: str) -> E | None:
    """The engine of `{any family}/{model}`."""
    found = [one for name, family in families.items() if (one := family.engine(f"{name}/{model}"))]
    return next((one for one in found if one.files.present), found[0] if found else None)


def _default(families: Mapping[str, Family[E]], settings: EngineSettings, setup: Setup) -> Default[E]:
    if settings.model:
        engine = (
            _called(families, written(setup.named_folder.name))
            if setup.named_folder
            else named(families, settings.model)
        )
        if engine is None:
            raise StartError(f"No engine of {', '.join(families)} runs a model {settings.model!r}.")
        if not engine.files.present:
            raise StartError(
                f"The files of models/{engine.model.name} are not here: "
                f"`make models MODELS=models/{engine.model.name}` fetches them."
            )
        return Default(engine, "It is used when no other is named: the settings name it.")
    if settings.engine != AUTO:
        engine = _first_present(families[settings.engine])
        if engine is None:
            raise StartError(f"No model of {settings.engine} is here: `make models` fetches one.")
        return Default(
            engine, f"It is used when no other is named: the settings name {settings.engine}, and it is here."
        )
    return _best(families)


def _best(families: Mapping[str, Family[E]]) -> Default[E]:
    """The first family's model that is here and suits this machine; one that does not suit it before none."""
    passed_over: list[str] = []
    last: E | None = None
    for name, family in families.items():
        engine = _first_present(family)
        if engine and not family.drawback:
            return Default(
                engine, f"It is used when no other is named: {'; '.join(passed_over) or 'it is the best one here'}."
            )
        passed_over.append(f"{name} is not, {family.drawback}" if engine else f"no model of {name} is here")
        last = last or engine
    if last:
        return Default(last, f"It is used when no other is named, since no other is here: {'; '.join(passed_over)}.")
    return _absent(families)


def _absent(families: Mapping[str, Family[E]]) -> Default[E]:
    """The model to fetch for this machine, when none is here; StartError when there is none to fetch."""
    for family in families.values():
        if to_fetch := next(iter((*family.recommended(), *family.engines())), None):
            return Default(
                to_fetch,
                "It is used when no other is named, once it is here: no model is, and `make models` fetches this one.",
            )
    raise StartError(f"No model of {', '.join(families)} is here: `make models` fetches one.")


def _others(families: Mapping[str, Family[E]], default: Default[E]) -> tuple[E, ...]:
    """All models that are here besides the default, those of engines that suit this machine first."""
    suited = sorted(families.values(), key=lambda family: bool(family.drawback))
    return tuple(
        engine
        for family in suited
        for engine in family.engines()
        if engine.files.present and engine is not default.engine
    )


def _first_present(family: Family[E]) -> E | None:
    return next((engine for engine in family.engines() if engine.files.present), None)


def _preference(group: str, name: str) -> int:
    """What the entry point states; 0 for one that cannot be imported, which cannot be used either."""
    try:
        return int(getattr(plugins.load(group, name), "preference", 0))
    except ImportError:
        return 0


def _family(group: str, name: str, setup: Setup) -> Family[Any]:
    try:
        family: Family[Any] = plugins.load(group, name)(setup)
    except ImportError as error:
        raise NotInstalled(f"The engine {name} cannot be used: {error}.") from error
    return family


def _free(setup: Setup) -> Setup:
    return replace(setup, device=AUTO, compute_type=AUTO)


def _folder(model: str) -> Path | None:
    """The folder that a model's name is the path of; None when it is no path."""
    if not model.startswith(("/", ".", "~")):
        return None
    folder = Path(model).expanduser().resolve()
    if not folder.is_dir():
        raise StartError(f"There is no folder {model} with a model in it.")
    return folder
