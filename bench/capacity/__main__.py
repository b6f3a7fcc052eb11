"""The table and the plots of docs/capacity.md: `python -m bench.capacity [FOLDER]`."""

import sys
from pathlib import Path

from .formula import Gpu, Load, needed, outcome
from .plots import Line, draw
from .simulation import measured, simulate

FOLDER = Path(__file__).parents[2] / "docs/capacity"
GUESSES = (4, 8, 16)
"""Streams per GPU, until a GPU has been measured."""
BUSY, FRAIL, GPUS, SECONDS = Load(4.0), Gpu(8, 1800.0, 300.0), 6, 60_000.0
"""Failures far more often than real ones, so that there are enough to count."""


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    rates = [0.5 * step for step in range(1, 21)]
    lines = [
        Line(f"{streams} streams per GPU", [(rate, needed(Load(rate), Gpu(streams)).gpus) for rate in rates])
        for streams in GUESSES
    ]
    draw(folder / "gpus.png", "GPUs for at most 0.1 % refused streams", "streams of 10 s that begin per second", lines)
    run = simulate(BUSY, FRAIL, GPUS, SECONDS, seed=1)
    shown = [sample for sample in run.samples if 10_000 <= sample[0] < 13_600]
    places = [(time - 10_000, FRAIL.streams * working) for time, _, working in shown]
    running = [(time - 10_000, running) for time, running, _ in shown]
    lines = [Line("places of working GPUs", places), Line("running streams", running)]
    draw(folder / "failures.png", "An hour with failures and warm-up, simulated", "seconds", lines)
    computed, simulated = outcome(BUSY, FRAIL, GPUS), measured(run, BUSY, SECONDS)
    for name in computed.__dataclass_fields__:
        one, other = getattr(computed, name), getattr(simulated, name)
        print(f"| {name} | {one:.4g} | {other:.4g} | {100 * (other / one - 1):+.1f} % |")
    for rate in (0.5, 2.0, 10.0):
        for streams in GUESSES:
            pods = needed(Load(rate), Gpu(streams))
            print(f"| {rate:g} | {Load(rate).offered:g} | {streams} | {pods.gpus} | {pods.gateways} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
