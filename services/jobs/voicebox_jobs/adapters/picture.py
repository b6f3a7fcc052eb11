"""Draws how a training went as a PNG."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

WIDTH, HEIGHT, MARGIN = 960, 480, 48
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (200, 200, 200)
TRAINED, HELD_OUT, WER = (120, 150, 200), (200, 72, 48), (38, 128, 80)
MAX_POINTS = WIDTH - 2 * MARGIN
LINES = 5


def picture(numbers: Mapping[str, Any]) -> bytes:
    """The loss of each step, of the clips that were held out at each checkpoint, and their word error rate where there
    is one; a line marks the best checkpoint. `numbers` are those of the trainer's file.
    """
    losses, checkpoints = numbers["losses"], numbers["checkpoints"]
    shown = {
        "loss": (TRAINED, _thinned(losses)),
        "held_out_loss": (HELD_OUT, [(each["step"], each["held_out_loss"]) for each in checkpoints]),
        "wer": (WER, [(each["step"], each["wer"]) for each in checkpoints if "wer" in each]),
    }
    highest = max(value for _, points in shown.values() for _, value in points) or 1.0
    image = Image.new("RGB", (WIDTH, HEIGHT), WHITE)
    draw = ImageDraw.Draw(image)
    for line in range(LINES + 1):
        value = highest * line / LINES
        draw.line(((MARGIN, _y(value, highest)), (WIDTH - MARGIN, _y(value, highest))), GREY)
        draw.text((4, _y(value, highest) - 6), f"{value:.2f}", BLACK)
    best = _x(numbers["best_step"], len(losses))
    draw.line(((best, MARGIN), (best, HEIGHT - MARGIN)), GREY)
    draw.text((best - 24, HEIGHT - MARGIN + 8), f"best: {numbers['best_step']}", BLACK)
    for number, (name, (colour, points)) in enumerate(shown.items()):
        places = [(_x(step, len(losses)), _y(value, highest)) for step, value in points]
        draw.line(places, colour, 2)
        for x, y in places if name != "loss" else ():
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        if points:
            draw.text((MARGIN + 140 * number, 12), name.replace("_", " "), colour)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _thinned(losses: Sequence[float]) -> list[tuple[int, float]]:
    """Steps and their losses; of more than there is room for, the mean of several."""
    group = -(-len(losses) // MAX_POINTS)
    groups = [losses[start : start + group] for start in range(0, len(losses), group)]
    return [(number * group + len(each), sum(each) / len(each)) for number, each in enumerate(groups)]


def _x(step: int, steps: int) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * step / max(steps, 1)


def _y(value: float, highest: float) -> float:
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value / highest
