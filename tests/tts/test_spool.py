"""Generations on disk: whole or not at all, in order, never lost, bounded."""

import numpy as np
import pytest
import soundfile
from voicebox_kit.errors import Exhausted
from voicebox_tts.spool import Spool

TONE = np.sin(np.arange(8000) / 10).astype(np.float32)


def kept(spool: Spool, metadata: str = "{}"):
    draft = spool.draft(8000)
    draft.write(TONE)
    return spool.commit(draft, metadata)


def test_a_committed_generation_survives_a_restart_with_its_audio(tmp_path):
    kept(Spool(tmp_path, 1 << 20), '{"a": 1}')
    [(audio, metadata)] = Spool(tmp_path, 1 << 20).waiting()
    assert metadata == '{"a": 1}'
    samples, rate = soundfile.read(audio)
    assert (len(samples), rate) == (8000, 8000)
    assert np.abs(samples - TONE).max() < 1 / 16384


def test_a_draft_that_a_crash_left_is_swept(tmp_path):
    draft = Spool(tmp_path, 1 << 20).draft(8000)
    draft.write(TONE)
    assert list(tmp_path.glob("*.flac"))
    assert list(Spool(tmp_path, 1 << 20).waiting()) == []
    assert not list(tmp_path.glob("*.flac"))
    draft.discard()


def test_generations_wait_in_order_and_are_removed_one_by_one(tmp_path):
    spool = Spool(tmp_path, 1 << 20)
    first, second = kept(spool, "1"), kept(spool, "2")
    assert [metadata for _, metadata in spool.waiting()] == ["1", "2"]
    spool.remove(first)
    assert [audio for audio, _ in spool.waiting()] == [second]
    spool.remove(first)


def test_a_rejected_generation_is_set_aside_not_lost(tmp_path):
    spool = Spool(tmp_path, 1 << 20)
    audio = kept(spool, "1")
    spool.reject(audio)
    assert list(spool.waiting()) == []
    assert sorted(path.suffix for path in (tmp_path / "rejected").iterdir()) == [".flac", ".json"]


def test_a_full_spool_refuses(tmp_path):
    spool = Spool(tmp_path, 100)
    kept(spool)
    with pytest.raises(Exhausted, match="spool is full"):
        spool.draft(8000)


def test_a_disk_that_fills_up_fails_the_commit_not_the_writing(tmp_path, monkeypatch):
    spool = Spool(tmp_path, 1 << 20)
    draft = spool.draft(8000)

    def full(samples):
        raise OSError("No space left on device")

    monkeypatch.setattr(draft._file, "write", full)
    draft.write(TONE)
    draft.write(TONE)
    with pytest.raises(OSError, match="No space left"):
        spool.commit(draft, "{}")
    draft.discard()
    assert list(tmp_path.glob("*.flac")) == []
