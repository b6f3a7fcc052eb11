"""Pictures of profiles: drawn anew from whatever a stranger sends."""

import asyncio
import io
import struct
import zlib

import grpc
import pytest
from PIL import ExifTags, Image
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = "profiles/ann"


@pytest.fixture
async def ann(catalog):
    await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann"))


def drawn(mode="RGB", size=(60, 40), form="PNG", **options):
    file = io.BytesIO()
    Image.new(mode, size).save(file, form, **options)
    return file.getvalue()


async def send(catalog, data, name=ANN):
    async def messages():
        request = pb.SetProfileAvatarRequest(name=name)
        for begin in range(0, max(len(data), 1), 1024 * 1024):
            request.image.data = data[begin : begin + 1024 * 1024]
            yield request
            request = pb.SetProfileAvatarRequest()

    return await catalog.SetProfileAvatar(messages())


async def fetched(catalog, bytes_of):
    return Image.open(
        io.BytesIO(await bytes_of(catalog.DownloadProfileAvatar(pb.DownloadProfileAvatarRequest(name=ANN))))
    )


KINDS = [
    ("RGB", "PNG"),
    ("P", "PNG"),
    ("I;16", "PNG"),
    ("LA", "PNG"),
    ("1", "PNG"),
    ("CMYK", "JPEG"),
    ("L", "JPEG"),
    ("RGBA", "WEBP"),
]


async def test_every_kind_becomes_a_square_webp(catalog, ann, bytes_of):
    for mode, form in KINDS:
        kept = await send(catalog, drawn(mode, (1300, 900), form))
        assert kept.avatar_etag
        picture = await fetched(catalog, bytes_of)
        assert (picture.format, picture.size) == ("WEBP", (512, 512))
        assert (picture.mode == "RGBA") == (mode in ("LA", "RGBA"))


async def test_the_picture_is_upright_and_has_no_metadata(catalog, ann, bytes_of):
    half = Image.new("RGB", (200, 200), "blue")
    half.paste(Image.new("RGB", (100, 200), "red"))  # red is left; turned by a quarter, it is at the top
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = "where I live"
    file = io.BytesIO()
    half.save(file, "JPEG", exif=exif, icc_profile=b"secret profile", comment=b"secret comment")
    await send(catalog, file.getvalue())
    picture = await fetched(catalog, bytes_of)
    top, bottom = picture.getpixel((256, 20)), picture.getpixel((256, 490))
    assert (top[0] > 200, top[2] < 60, bottom[0] < 60, bottom[2] > 200) == (True,) * 4
    assert not picture.getexif()
    assert "icc_profile" not in picture.info


async def test_of_an_animation_the_first_frame_is_taken(catalog, ann, bytes_of):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    await send(catalog, file.getvalue())
    picture = await fetched(catalog, bytes_of)
    assert getattr(picture, "n_frames", 1) == 1
    assert picture.convert("RGB").getpixel((256, 256))[0] > 200


async def test_another_picture_takes_the_place_of_the_first(catalog, ann, bytes_of, refused, stored):
    first = await send(catalog, drawn())
    second = await send(catalog, drawn("L"))
    assert first.avatar_etag != second.avatar_etag
    assert len(await stored()) == 1
    without = await catalog.DeleteProfileAvatar(pb.DeleteProfileAvatarRequest(name=ANN))
    assert without.avatar_etag == ""
    assert not await stored()
    error = await refused(catalog.DownloadProfileAvatar(pb.DownloadProfileAvatarRequest(name=ANN)))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "AVATAR_NOT_FOUND")


def png_that_claims(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


BAD = {
    "empty": (b"", "IMAGE_EMPTY"),
    "text": (b"hello" * 100, "IMAGE_REFUSED"),
    "gif": (drawn("P", form="GIF"), "IMAGE_REFUSED"),
    "bmp": (drawn(form="BMP"), "IMAGE_REFUSED"),
    "tiff": (drawn(form="TIFF"), "IMAGE_REFUSED"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', "IMAGE_REFUSED"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n", "IMAGE_REFUSED"),
    "cut png": (drawn(size=(600, 600))[:80], "IMAGE_REFUSED"),
    "cut jpeg": (drawn(size=(2000, 2000), form="JPEG")[:900], "IMAGE_REFUSED"),
    "bomb": (drawn("1", (30_000, 30_000)), "IMAGE_REFUSED"),
    "claims 51 million pixels": (png_that_claims(10_200, 5_000), "IMAGE_REFUSED"),
    "claims the greatest size": (png_that_claims(2**31 - 1, 2**31 - 1), "IMAGE_REFUSED"),
    "too large": (drawn() + bytes(5 * 1024 * 1024), "IMAGE_TOO_LARGE"),
}


async def test_what_is_no_picture_is_refused(catalog, ann, refused, stored):
    for kind, (data, reason) in BAD.items():
        error = await refused(send(catalog, data))
        assert (error.code, error.field, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "image", reason), kind
        assert error.sentence
    assert not await stored()


async def test_a_profile_that_is_not_there(catalog, refused):
    assert (await refused(send(catalog, drawn(), "profiles/nobody"))).code == grpc.StatusCode.NOT_FOUND
    assert (await refused(send(catalog, drawn(), "nobody"))).field == "name"


@pytest.mark.parametrize(("size", "is_drawn"), [((4000, 4000), True), ((4001, 4000), False)])
async def test_sixteen_megapixels_are_drawn(catalog, ann, size, is_drawn):
    data = drawn("RGBA", size)
    if is_drawn:
        assert (await send(catalog, data)).avatar_etag
    else:
        with pytest.raises(grpc.aio.AioRpcError, match="16000000"):
            await send(catalog, data)


async def test_a_crowd_of_pictures_is_refused_and_the_next_one_is_drawn(catalog, ann):
    data = drawn("RGB", (2000, 2000)) + bytes(4_000_000)
    answers = await asyncio.gather(*(send(catalog, data) for _ in range(40)), return_exceptions=True)
    refused = [each for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert {each.code() for each in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(answers) - len(refused) >= 2
    assert (await send(catalog, data)).avatar_etag
