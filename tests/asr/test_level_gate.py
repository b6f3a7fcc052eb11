import numpy as np
from voicebox_asr.level_gate import LevelGate

RANDOM = np.random.default_rng(1)


def noise(level_db: float) -> np.ndarray:
    return (10 ** (level_db / 20) * RANDOM.standard_normal(480)).astype(np.float32)


def test_speech_stands_out_of_a_loud_room_and_the_room_does_not() -> None:
    gate = LevelGate()
    pattern = ([-40.0] * 30 + [-15.0] * 30) * 5
    loud = [gate.is_loud(noise(level)) for level in pattern]
    right = [heard == (level == -15.0) for heard, level in zip(loud, pattern, strict=True)]
    assert sum(right[60:]) / len(right[60:]) > 0.98


def test_digital_silence_is_never_loud() -> None:
    gate = LevelGate()
    assert not any(gate.is_loud(np.zeros(480, np.float32)) for _ in range(300))
