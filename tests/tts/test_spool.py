"""Generations on disk: whole or not at all, in order, never lost, bounded."""

import contextlib
import os
import shutil

import numpy as np
import pytest
import soundfile
from voicebox_kit.errors import Exhausted
from voicebox_outbox.spool import Spool
from voicebox_tts.history.draft import Draft

TONE = np.sin(np.arange(8000) / 10).astype(np.float32)


def kept(spool: Spool, metadata: str = "{}"):
    draft = Draft(spool.reserve(), 8000)
    draft.write(TONE)
    draft.close()
    spool.commit(draft.path, metadata)
    return draft.path


def test_a_committed_generation_survives_a_restart_with_its_audio(tmp_path):
    kept(Spool(tmp_path, 1 << 20), '{"a": 1}')
    spool = Spool(tmp_path, 1 << 20)
    [audio] = spool.waiting()
    assert spool.metadata(audio) == b'{"a": 1}'
    samples, rate = soundfile.read(audio)
    assert (len(samples), rate) == (8000, 8000)
    assert np.abs(samples - TONE).max() < 1 / 16384


def test_a_draft_that_a_crash_left_is_swept(tmp_path):
    draft = Draft(Spool(tmp_path, 1 << 20).reserve(), 8000)
    draft.write(TONE)
    assert list(tmp_path.glob("*.data"))
    assert Spool(tmp_path, 1 << 20).waiting() == []
    assert not list(tmp_path.glob("*.data"))
    draft.discard()


def test_generations_wait_in_order_and_are_removed_one_by_one(tmp_path):
    spool = Spool(tmp_path, 1 << 20)
    first, second = kept(spool, "1"), kept(spool, "2")
    assert [spool.metadata(audio) for audio in spool.waiting()] == [b"1", b"2"]
    assert Spool(tmp_path, 1 << 20).waiting() == [first, second]
    spool.remove(first)
    assert spool.waiting() == [second]
    spool.remove(first)


def test_a_rejected_generation_is_set_aside_not_lost(tmp_path):
    spool = Spool(tmp_path, 1 << 20)
    audio = kept(spool, "1")
    spool.reject(audio)
    assert spool.waiting() == []
    assert sorted(path.suffix for path in (tmp_path / "rejected").iterdir()) == [".data", ".json"]


def test_a_full_spool_refuses(tmp_path):
    spool = Spool(tmp_path, 100)
    kept(spool)
    with pytest.raises(Exhausted, match="spool is full"):
        Draft(spool.reserve(), 8000)


def test_a_disk_that_fills_up_fails_the_commit_not_the_writing(tmp_path, monkeypatch):
    spool = Spool(tmp_path, 1 << 20)
    draft = Draft(spool.reserve(), 8000)

    def full(samples):
        raise OSError("No space left on device")

    monkeypatch.setattr(draft._file, "write", full)
    draft.write(TONE)
    draft.write(TONE)
    with pytest.raises(OSError, match="No space left"):
        draft.close()
        spool.commit(draft.path, "{}")
    draft.discard()
    assert list(tmp_path.glob("*.data")) == []


def test_what_is_set_aside_is_bounded_and_the_newest_stays(tmp_path):
    size = kept(Spool(tmp_path / "one", 1 << 20)).stat().st_size
    spool = Spool(tmp_path / "many", 12 * size)  # a quarter of it is three records
    removed = [spool.reject(kept(spool, str(number))) for number in range(6)]
    assert removed == [0, 0, 0, 1, 1, 1]
    left = Spool(tmp_path / "many", 12 * size)
    assert sorted(path.read_text() for path in (tmp_path / "many" / "rejected").glob("*.json")) == ["3", "4", "5"]
    assert left.reject(kept(left, "6")) == 1


def test_the_spools_size_is_counted_not_looked_up(tmp_path, monkeypatch):
    """Ten thousand records wait: an utterance does not look at them."""
    spool = Spool(tmp_path, 1 << 20)
    first = kept(spool)

    def refuse(*_):
        raise AssertionError("the folder is looked at")

    monkeypatch.setattr("pathlib.Path.glob", refuse)
    monkeypatch.setattr("os.listdir", refuse)
    monkeypatch.setattr("os.scandir", refuse)
    Draft(spool.reserve(), 8000).discard()
    assert (spool.waiting(), len(spool)) == ([first], 1)
    full = Spool.__new__(Spool)
    full.__dict__ |= spool.__dict__ | {"_max_bytes": first.stat().st_size}
    with pytest.raises(Exhausted):
        Draft(full.reserve(), 8000)
    full.remove(first)
    Draft(full.reserve(), 8000).discard()


def test_a_full_disk_says_so(small_disk):
    spool = Spool(small_disk, 1 << 30)
    (small_disk / "filler").write_bytes(bytes(3 << 20))
    draft = Draft(spool.reserve(), 48_000)
    noise = np.random.default_rng(1).uniform(-1, 1, 48_000).astype(np.float32)
    for _ in range(40):
        draft.write(noise)
    with pytest.raises(OSError, match="The disk is full"):
        draft.close()
        spool.commit(draft.path, "{}")
    draft.discard()
    assert not list(small_disk.glob("*.data"))
    assert spool.waiting() == []
    with (small_disk / "rest").open("wb", buffering=0) as rest, contextlib.suppress(OSError):
        while rest.write(bytes(4096)):
            pass
    with pytest.raises(OSError, match="The disk is full"):
        kept(spool)
    assert not list(small_disk.glob("*.json"))


def test_a_folder_that_is_gone_or_not_writable_is_named_as_such(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "spool", 1 << 20)
    shutil.rmtree(tmp_path / "spool")
    with pytest.raises(OSError, match="spool is gone"):
        Draft(spool.reserve(), 8000)
    (tmp_path / "spool").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(soundfile, "SoundFile", refuse)
    with pytest.raises(PermissionError, match="spool is not writable"):
        Draft(spool.reserve(), 8000)


def refuse(*_args, **_options):
    raise soundfile.LibsndfileError(2)
