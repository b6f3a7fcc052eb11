"""The formula of docs/capacity.md, and the simulation that agrees with it."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image

from bench.capacity.__main__ import BUSY, FOLDER, FRAIL, GPUS, GUESSES, SECONDS
from bench.capacity.formula import Gpu, Load, blocked, cells, needed, outcome
from bench.capacity.plots import Line, draw
from bench.capacity.simulation import measured, simulate

AGREEMENT = 0.05
STEADY = replace(FRAIL, seconds_between_failures=1e12)


def test_blocking_is_erlangs() -> None:
    """Values of published tables of the Erlang B formula."""
    assert blocked(1.0, 1) == pytest.approx(0.5)
    assert blocked(10.0, 10) == pytest.approx(0.2146, abs=5e-5)
    assert blocked(100.0, 117) == pytest.approx(0.01, abs=1e-3)
    assert blocked(3.0, 0) == 1.0


@pytest.mark.parametrize("gpu", [FRAIL, STEADY], ids=["with failures and warm-up", "without"])
def test_the_simulation_agrees_with_the_formula(gpu: Gpu) -> None:
    seconds = SECONDS if gpu is FRAIL else SECONDS / 2
    simulated = asdict(measured(simulate(BUSY, gpu, GPUS, seconds, seed=1), BUSY, seconds))
    computed = asdict(outcome(BUSY, gpu, GPUS))
    assert computed["refused"] > 0.02, "enough of them are counted"
    for name, value in computed.items():
        assert simulated[name] == pytest.approx(value, rel=AGREEMENT, abs=1e-6), name


def test_failures_and_warm_up_cost_what_they_take() -> None:
    slow = replace(FRAIL, warm_up_seconds=3 * FRAIL.warm_up_seconds)
    assert outcome(BUSY, STEADY, GPUS).refused < outcome(BUSY, FRAIL, GPUS).refused < outcome(BUSY, slow, GPUS).refused
    assert outcome(BUSY, STEADY, GPUS).cut == pytest.approx(0.0, abs=1e-9)


def test_what_is_needed_is_enough_and_no_more() -> None:
    load, gpu = Load(2.0), Gpu(8)
    pods = needed(load, gpu, refused=0.001)
    assert outcome(load, gpu, pods.gpus).refused <= 0.001 < outcome(load, gpu, pods.gpus - 1).refused
    assert pods.gateways == 2
    assert needed(load, Gpu(16)).gpus < pods.gpus < needed(load, Gpu(4)).gpus


def test_cells_follow_gpus_and_writes() -> None:
    load, gpu = Load(100.0), Gpu(8)
    by_gpus = cells(load, gpu, cell_gpus=32, cell_writes_per_second=1e9)
    part = replace(load, streams_per_second=load.streams_per_second / by_gpus)
    assert needed(part, gpu).gpus <= 32
    assert cells(load, gpu, cell_gpus=10_000, cell_writes_per_second=50) == 4


def test_a_plot_shows_its_lines(tmp_path: Path) -> None:
    draw(tmp_path / "plot.png", "Title", "x", [Line("one", [(0, 0), (1, 1)]), Line("other", [(0, 1), (1, 0)])])
    with Image.open(tmp_path / "plot.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 16) or ()}
    assert {(0x1F, 0x5F, 0xA8), (0xC2, 0x57, 0x1A)} <= colours


def test_the_document_has_the_figures_of_the_formula() -> None:
    text = (FOLDER.parent / "capacity.md").read_text()
    for rate in (0.5, 2.0, 10.0):
        for streams in GUESSES:
            pods = needed(Load(rate), Gpu(streams))
            assert f"| {rate:g} | {Load(rate).offered:g} | {streams} | {pods.gpus} | {pods.gateways} |" in text
    for name in ("gpus.png", "failures.png"):
        assert f"](capacity/{name})" in text
        assert (FOLDER / name).exists()
