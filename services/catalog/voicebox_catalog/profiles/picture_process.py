"""Re-encodes one untrusted picture, in a confined process: `python -m
voicebox_catalog.profiles.picture_process`.

The picture comes by standard input. A square WebP goes out by standard output, or, with the exit status REFUSED, a
sentence that says what is wrong. It is started with no secret in its environment, and bounds its own memory, time,
files and threads before it reads a byte.
"""

import io
import sys
import warnings

from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin
from voicebox_audio.decoding.confinement import address_space_bytes, confine_permanently, confine_to
from voicebox_audio.decoding.limits import Limits

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 16_000_000
SIDE_PIXELS = 512
REFUSED = 3
FORMATS = (
    PngImagePlugin.PngImageFile.format,
    JpegImagePlugin.JpegImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
)
LIMITS = Limits(max_bytes=MAX_BYTES, cpu_seconds=10, memory_bytes=320 * 1024 * 1024)
"""16 million pixels of four channels are 64 MB, and converting them needs them twice."""


class PictureRejected(Exception):
    """The picture is refused; the text is a sentence for people."""


def draw(data: bytes) -> bytes:
    """The first frame of a PNG, JPEG or WebP file, upright, its middle cut to a square of SIDE_PIXELS; nothing else of
    the file is kept.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PictureRejected(
                    f"The picture has {image.width} x {image.height} pixels; at most {MAX_PIXELS} are accepted."
                )
            image.draft(
                "RGB", (2 * SIDE_PIXELS, 2 * SIDE_PIXELS)
            )  # a JPEG is then decoded at an eighth of its size, if it is that large
            image.load()
            upright = ImageOps.exif_transpose(_plain(image))
    except UnidentifiedImageError as error:
        raise PictureRejected("The picture is not a PNG, JPEG or WebP file.") from error
    except Image.DecompressionBombError as error:
        raise PictureRejected(f"The picture has too many pixels; at most {MAX_PIXELS} are accepted.") from error
    except MemoryError as error:
        raise PictureRejected("Drawing the picture needs more memory than is allowed.") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        KeyError,
        IndexError,
        TypeError,
        ZeroDivisionError,
        OverflowError,
    ) as error:
        raise PictureRejected("The picture is damaged.") from error
    square = ImageOps.fit(upright, (SIDE_PIXELS, SIDE_PIXELS), Image.Resampling.LANCZOS)
    drawn = Image.new(square.mode, square.size)  # without what `info` holds: Exif, colour profile, comments
    drawn.paste(square)
    file = io.BytesIO()
    drawn.save(file, "WEBP", quality=85)
    return file.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    """In RGB, or RGBA where something shows through, with the Exif orientation still to be applied."""
    has_alpha = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _warm_up() -> None:
    """Draws a picture of our own: on first use Pillow imports half of itself, but afterwards no file may be opened."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for form in FORMATS:
        file = io.BytesIO()
        Image.new("RGB", (16, 16)).save(file, form, exif=exif)
        draw(file.getvalue())


def main() -> int:
    _warm_up()
    confine_permanently()
    confine_to(LIMITS, address_space_bytes())
    try:
        answer, status = draw(sys.stdin.buffer.read(MAX_BYTES + 1)), 0
    except PictureRejected as refused:
        answer, status = str(refused).encode(), REFUSED
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
