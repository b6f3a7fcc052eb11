"""How much memory a long file takes, on a model of random weights: that of its windows in work, and none afterwards.

What is held is measured, not what the C library keeps for later: it runs with one heap, maps each large block by
itself, and gives back what is free before each look. A reader that kept its sound would hold 3.7 MiB more with each
minute: 60 to 75 in the last six.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from voicebox_asr.engine import Decoding, Options
from voicebox_asr.engines import silero
from voicebox_asr.engines.whisper import device as whisper_device, loaded as whisper_loaded
from voicebox_asr.engines.whisper.heap import trim_heap

def memory():
    trim_heap()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss_Anon:"))

def by_minutes(minutes):
    reader, held = whisper.reader(Options(language="en", decoding=Decoding(beam_size=2, temperatures=(0.0,)))), []
    for second in range(0, 60 * minutes, 10):
        for _ in reader.process(np.resize(speech, 160_000)):
            pass
        if second % 60 == 50:
            held.append(memory())
    for _ in reader.finish():
        pass
    reader.close()
    return held

speech = np.load(sys.argv[2])
whisper = whisper_loaded.LoadedWhisper(Path(sys.argv[1]), whisper_device.resolved("cpu", "auto"), silero.Silero())
by_minutes(2)
before = memory()
held = by_minutes(20)
print(json.dumps([before, held, memory()]))
whisper.close()
"""
HEAP = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "131072"}
MAX_WINDOWS_MIB = 55.0
"""Two batches of eight windows, each of 1.8 MiB of sound and 0.9 MiB of features, and what is not cut into windows
yet.
"""

MAX_LEFT_MIB = 20.0


def test_a_long_file_takes_the_memory_of_two_batches_and_leaves_nothing(
    tiny_whisper: Path, speech, tmp_path: Path
) -> None:
    np.save(tmp_path / "speech.npy", speech)
    command = [sys.executable, "-c", SCRIPT, tiny_whisper, tmp_path / "speech.npy"]
    done = subprocess.run(command, env=os.environ | HEAP, capture_output=True, text=True, check=True)
    before, held, after = json.loads(done.stdout)
    assert median(held[14:]) <= before + MAX_WINDOWS_MIB
    assert after <= before + MAX_LEFT_MIB
