"""Lines in a PNG, drawn with Pillow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 420, 70, 20, 50, 50
COLOURS = ("#1f5fa8", "#c2571a", "#2a7f3f", "#7a3f9d")
INK, GRID, PAPER = "#222222", "#dddddd", "#ffffff"
STEPS = 5


@dataclass(frozen=True)
class Line:
    """Points (x, y) in the order of x."""

    label: str
    points: Sequence[tuple[float, float]]


def draw(path: Path, title: str, x_label: str, lines: Sequence[Line]) -> None:
    """Writes a plot of the lines, whose axes begin at 0."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    x_end = max(x for line in lines for x, _ in line.points)
    y_end = 1.1 * max(y for line in lines for _, y in line.points)

    def at(x: float, y: float) -> tuple[float, float]:
        across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + across * x / x_end, TOP + down * (1 - y / y_end)

    for step in range(STEPS + 1):
        x, y = x_end * step / STEPS, y_end * step / STEPS
        pen.line([at(0, y), at(x_end, y)], fill=GRID)
        pen.text((LEFT - 8, at(0, y)[1]), f"{y:.3g}", fill=INK, font=font, anchor="rm")
        pen.text((at(x, 0)[0], HEIGHT - BOTTOM + 6), f"{x:.3g}", fill=INK, font=font, anchor="mt")
    pen.text((WIDTH / 2, HEIGHT - 8), x_label, fill=INK, font=font, anchor="mb")
    pen.text((LEFT, 8), title, fill=INK, font=font)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        pen.line([at(x, y) for x, y in line.points], fill=colour, width=2, joint="curve")
        pen.text((LEFT + number * 200, 28), line.label, fill=colour, font=font)
    image.quantize(16).save(path, optimize=True)
