"""Draws the signal-to-noise ratio of each clip as a PNG."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from .clips import Clip
from .selection import LIMITS

WIDTH, HEIGHT, MARGIN = 960, 320, 40
MAX_SNR_DB = 60.0
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (200, 200, 200)
KEPT, LEFT_OUT = (38, 128, 80), (200, 72, 48)
MAX_BARS = WIDTH - 2 * MARGIN


def snr_picture(clips: Sequence[Clip]) -> bytes:
    """A bar for each clip, in order: green where it is kept, red where it is left out; a line where REJECT begins. Of
    more clips than there is room for, a bar is the worst of several.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), WHITE)
    draw = ImageDraw.Draw(image)
    for snr_db in range(0, round(MAX_SNR_DB) + 1, 10):
        draw.line(((MARGIN, _y(snr_db)), (WIDTH - MARGIN, _y(snr_db))), GREY)
        draw.text((8, _y(snr_db) - 6), f"{snr_db}", BLACK)
    group = -(-len(clips) // MAX_BARS) or 1
    groups = (clips[start : start + group] for start in range(0, len(clips), group))
    drawn = [min(each, key=lambda clip: clip.measures.snr_db) for each in groups]
    step = (WIDTH - 2 * MARGIN) / max(len(drawn), 1)
    for number, clip in enumerate(drawn):
        left = MARGIN + number * step
        top = _y(min(max(clip.measures.snr_db, 0.5), MAX_SNR_DB))
        colour = KEPT if clip.kept else LEFT_OUT
        draw.rectangle((left, top, max(left + 0.8 * step, left + 1), _y(0)), colour)
    draw.line(((MARGIN, _y(LIMITS.snr_db.reject)), (WIDTH - MARGIN, _y(LIMITS.snr_db.reject))), BLACK)
    draw.text((MARGIN, 8), "Signal-to-noise ratio of each clip, dB: green is kept, red is left out", BLACK)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _y(snr_db: float) -> float:
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * snr_db / MAX_SNR_DB
