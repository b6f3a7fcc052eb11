"""An engine's lifecycle: loaded once for all threads, closed once, and loaded anew after a failure."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from voicebox_kit.errors import StartError
from voicebox_models.files import Downloadable, InstalledFiles
from voicebox_models.lifecycle import Lifecycle, require_folder


@dataclass(eq=False)
class Loaded:
    usable: bool = True
    closed: int = 0

    def close(self) -> None:
        self.closed += 1


@dataclass(eq=False)
class Engine(Lifecycle[Loaded]):
    """Opens what `models` yields; an exception among them is raised."""

    models: Iterator[Loaded | Exception]
    threads: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(InstalledFiles(size_bytes=7))

    def _open_model(self) -> Loaded:
        self.threads.add(threading.get_ident())
        model = next(self.models)
        if isinstance(model, Exception):
            raise model
        return model

    def _is_usable(self, loaded: Loaded) -> bool:
        return loaded.usable

    def _memory_bytes(self, loaded: Loaded) -> int:
        return 100


def test_it_is_loaded_once_for_all_threads_and_again_after_it_was_unloaded() -> None:
    first, second = Loaded(), Loaded()
    engine = Engine(iter([first, second]))
    assert (engine.loaded, engine.memory_bytes) == (False, 7)
    with ThreadPoolExecutor(8) as executor:
        assert set(executor.map(lambda _: id(engine._opened()), range(8))) == {id(first)}
    assert (engine.loaded, engine.memory_bytes, len(engine.threads)) == (True, 100, 1)
    engine.unload()
    engine.unload()
    assert (engine.loaded, first.closed) == (False, 1)
    engine.load()
    engine.load()
    assert engine._opened() is second


def test_a_model_that_failed_is_closed_and_loaded_anew() -> None:
    first, second = Loaded(), Loaded()
    engine = Engine(iter([first, second]))
    engine.load()
    first.usable = False
    assert not engine.loaded
    assert engine._opened() is second
    assert (first.closed, second.closed) == (1, 0)


def test_what_cannot_be_loaded_is_not_loaded_and_may_be_tried_again() -> None:
    engine = Engine(iter([StartError("broken"), Loaded()]))
    with pytest.raises(StartError, match="broken"):
        engine.load()
    assert not engine.loaded
    engine.load()
    assert engine.loaded


@pytest.mark.parametrize("library", ["", "no-such-library"])
def test_installed_files_are_present_with_their_library_and_cannot_be_downloaded(library: str) -> None:
    files = InstalledFiles(library=library, instructions="Install it.")
    assert files.present is (library == "")
    assert not isinstance(files, Downloadable)
    with pytest.raises(StartError, match="models/a/b are not on this machine"):
        require_folder(files, "a/b")
