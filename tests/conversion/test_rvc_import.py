"""Checkpoints that people own become voices; hostile ones run nothing, and are refused in words."""

import asyncio
import io
import os
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from voicebox_client import Client
from voicebox_client.command import main
from voicebox_conversion.engines.importing import confined
from voicebox_conversion.engines.importing.faiss_index import vectors
from voicebox_conversion.engines.rvc import voice
from voicebox_conversion.engines.rvc.checkpoint import converted
from voicebox_kit.errors import InvalidField

from tests.engines.tiny_rvc import checkpoint, write_encoder, write_pth

from .conftest import Service, running, tone

MAX_BYTES = 1 << 20
# Written by faiss-cpu 1.15.1: index_factory(4, "IVF2,Flat") of numpy.arange(40) / 8 as ten vectors.
INDEX = bytes.fromhex(
    "4977466c040000000a00000000000000000010000000000000001000000000000101000000020000000000000001000000"
    "0000000049784632040000000200000000000000000010000000000000001000000000000101000000080000000000000000"
    "0050400000584000006040000068400000403f0000603f0000803f0000903f000000000000000000696c6172020000000000"
    "0000100000000000000066756c6c020000000000000006000000000000000400000000000000000000400000084000001040"
    "000018400000204000002840000030400000384000004040000048400000504000005840000060400000684000007040"
    "0000784000008040000084400000884000008c4000009040000094400000984000009c40040000000000000005000000"
    "00000000060000000000000007000000000000000800000000000000090000000000000000000000"
    "0000003e0000803e"
    "0000c03e0000003f0000203f0000403f0000603f0000803f0000903f0000a03f0000b03f0000c03f0000d03f0000e03f"
    "0000f03f0000000000000000010000000000000002000000000000000300000000000000"
)


class Bomb:
    """Unpickled, it would write a file."""

    def __init__(self, how: str, mark: Path) -> None:
        self.how, self.mark = how, mark

    def __reduce__(self) -> Any:
        if self.how == "exec":
            return exec, (f"open({str(self.mark)!r}, 'w')",)
        return os.system, (f"touch {self.mark}",)


def bombs(folder: Path, mark: Path) -> dict[str, bytes]:
    """Hostile files by what they try."""
    made: dict[str, bytes] = {}
    for how in ("system", "exec"):
        file = io.BytesIO()
        torch.save(checkpoint() | {"info": Bomb(how, mark)}, file)
        made[how] = file.getvalue()
    made["plain pickle"] = pickle.dumps(Bomb("system", mark))
    made["legacy format"] = _legacy(Bomb("exec", mark))
    made["path outside"] = _zip({"../../owned": b"x", "archive/data.pkl": pickle.dumps(Bomb("system", mark))})
    huge = checkpoint()
    huge["weight"]["emb_g.weight"] = torch.zeros(1, 1).half().expand(1 << 20, 1 << 14)
    made["huge tensor"] = _saved(huge)
    return made


def _saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _legacy(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return written.getvalue()


def test_hostile_checkpoints_run_nothing(tmp_path) -> None:
    mark = tmp_path / "owned"
    given = bombs(tmp_path, mark)

    def refusal(name: str) -> str:
        file = tmp_path / name.replace(" ", "-")
        file.write_bytes(given[name])
        with pytest.raises(InvalidField) as caught:
            confined.read(confined.VOICE, file, None, tmp_path / f"{file.name}.out")
        return f"{caught.value.reason}: {caught.value.sentence}"

    with ThreadPoolExecutor(3) as threads:
        refusals = dict(zip(given, threads.map(refusal, given), strict=True))
    assert not mark.exists()
    assert not list(tmp_path.parent.glob("owned"))
    assert all(each.startswith("CHECKPOINT_REFUSED") for each in refusals.values())
    assert "more than" in refusals["huge tensor"]


def test_the_process_that_reads_checkpoints_can_do_nothing_else(tmp_path) -> None:
    """Even a pickle that is let run: confined as the child is, it opens no file and starts no process."""
    import subprocess
    import sys

    mark = tmp_path / "owned"
    program = f"""
import os, pickle
from voicebox_audio.decoding.confinement import address_space_bytes, confine_permanently, confine_to
from voicebox_audio.decoding.limits import Limits
confine_permanently(); confine_to(Limits(), address_space_bytes())
for bomb in (lambda: open({str(mark)!r}, "w"), lambda: os.fork(), lambda: os.posix_spawn("/bin/true", ["true"], {{}})):
    try:
        bomb()
    except OSError:
        continue
    os._exit(9)
os._exit(0)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert not mark.exists()


def test_an_index_of_faiss_is_read(tmp_path) -> None:
    np.testing.assert_array_equal(
        np.sort(vectors(INDEX, 4), axis=0), np.arange(40, dtype=np.float32).reshape(10, 4) / 8
    )


@pytest.mark.parametrize(
    ("place", "data"),
    [
        (0, b"IxPQ"),
        (4, b"\x05"),
        (8, b"\x0b"),
        (12, b"\xff\xff\xff\x7f"),
        (37, b"\xff" * 8),
        (53, b"IwFl"),
        (86, b"\xff" * 8),
    ],
)
def test_another_or_a_damaged_index_is_refused(place: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="index"):
        vectors(INDEX[:place] + data + INDEX[place + len(data) :], 4)
    for end in range(0, len(INDEX), 7):
        with pytest.raises(ValueError, match="index"):
            vectors(INDEX[:end], 4)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": "v1"}, "only v2"),
        ({"vocoder": "RefineGAN"}, "vocoder"),
        ({"weight": {}}, "no weights"),
        ({"weight": {"x": 1}}, "not tensors"),
        ({"config": None}, "no config"),
        ({"config": [1, 2, 3]}, "3 values"),
        ({"config": [0] * 18}, "other values"),
        ({"f0": "yes"}, "pitch"),
    ],
)
def test_what_is_no_voice_is_named(change: dict, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        converted(checkpoint() | change, MAX_BYTES)


def test_sizes_that_cannot_be_are_refused() -> None:
    for place, value in ((3, 10**9), (5, 0), (6, 10**6), (12, [10, 10, 2, 3]), (14, [3, 16, 4, 4]), (17, 44_100)):
        given = checkpoint()
        given["config"][place] = value
        with pytest.raises(ValueError, match=r"range|fit|frame|ms"):
            converted(given, MAX_BYTES)
    with pytest.raises(ValueError, match="a training"):
        converted({"model": {}}, MAX_BYTES)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        converted(checkpoint(), 100)


def _index(size: int, count: int) -> bytes:
    """A file of the same form with other sizes, in one list."""
    numbers = np.random.default_rng(0).standard_normal((count, size)).astype("<f4")
    head = INDEX[4:8].replace(b"\4", bytes([size])) + count.to_bytes(8, "little") + INDEX[16:37]
    flat = b"IxF2" + head[:4] + (1).to_bytes(8, "little") + INDEX[16:37] + size.to_bytes(8, "little") + bytes(4 * size)
    lists = b"ilar" + (1).to_bytes(8, "little") + (4 * size).to_bytes(8, "little") + b"full" + (1).to_bytes(8, "little")
    one = (1).to_bytes(8, "little")
    ids = np.arange(count, dtype="<i8").tobytes()
    return b"IwFl" + head + one + one + flat + bytes(9) + lists + count.to_bytes(8, "little") + numbers.tobytes() + ids


async def test_a_checkpoint_is_imported_used_and_exported(tmp_path) -> None:
    write_encoder(tmp_path / "models" / "rvc" / "contentvec")
    pth, index, speech = write_pth(tmp_path / "singer.pth"), tmp_path / "singer.index", tmp_path / "talk.wav"
    index.write_bytes(_index(24, 30))
    soundfile.write(speech, tone(0.5, rate=16_000), 16_000)

    def used(service: Service) -> None:
        def said(*words: str) -> Any:
            return CliRunner().invoke(main, ["--server", service.address, "voice-models", "import", str(pth), *words])

        assert "--consent" in said().output
        done = said("--index", str(index), "--consent", "She agreed.", "--licence", "CC0-1.0")
        assert done.exit_code == 0, done.output
        with Client(service.address) as client:
            stored = client.get_voice_model("singer")
            assert (stored.engine, stored.consent, stored.licence) == ("rvc", "She agreed.", "CC0-1.0")
            assert (stored.sample_rate_hz, stored.metrics["index_vectors"]) == (40_000, 30)
            made = b"".join(event.audio.data for event in client.convert(speech, "singer"))
            assert abs(soundfile.info(io.BytesIO(made)).duration - 0.5) < 0.01
            archive = b"".join(client.export_voice_model("singer"))
            assert client.import_voice_model(archive, "again").sha256 == stored.sha256
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            (tmp_path / "tensors").write_bytes(file.read("model.safetensors"))
        read = voice.read(tmp_path / "tensors", "cpu")
        assert read.vectors is not None
        assert len(read.vectors) == 30

    async with running(tmp_path) as service:
        await asyncio.to_thread(used, service)


async def test_what_is_refused_leaves_nothing(tmp_path) -> None:
    async with running(tmp_path) as service:

        def refused(**words: str) -> None:
            with Client(service.address) as client, pytest.raises(Exception, match=r"checkpoint|Checkpoint|characters"):
                client.import_checkpoint(b"\x80\x04N.", **{"display_name": "x", "consent": "yes", **words})

        for words in (
            {},
            {"consent": " "},
            {"display_name": ""},
            {"display_name": "a\nb"},
            {"engine": "world"},
            {"licence": "x" * 2001},
        ):
            await asyncio.to_thread(refused, **words)
    assert not [path for path in (tmp_path / "conversion/blobs").rglob("*") if path.is_file()]
