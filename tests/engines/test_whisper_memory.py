"""How much memory a long file takes, on a model of random weights: no more than a shorter one, and nothing once it is
heard.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from voicebox_asr.engine import Decoding, Options
from voicebox_asr.engines import silero
from voicebox_asr.engines.whisper import device as whisper_device, loaded as whisper_loaded

def memory():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss_Anon:"))

def peak_over(minutes):
    options = Options(language="en", decoding=Decoding(beam_size=2, temperatures=(0.0,)))
    reader, most = whisper.reader(options), 0.0
    for _ in range(6 * minutes):
        for _ in reader.hear(np.resize(speech, 160_000)):
            pass
        most = max(most, memory())
    for _ in reader.finish():
        most = max(most, memory())
    reader.close()
    return most

speech = np.load(sys.argv[2])
whisper = whisper_loaded.LoadedWhisper(Path(sys.argv[1]), whisper_device.resolved("cpu", "auto"), silero.Silero())
peak_over(2)
loaded = memory()
peaks = {minutes: peak_over(minutes) for minutes in (5, 20)}
print(json.dumps([loaded, peaks[5], peaks[20], memory()]))
whisper.close()
"""


def test_a_long_file_takes_no_more_memory_than_a_shorter_one(tiny_whisper: Path, speech, tmp_path: Path) -> None:
    np.save(tmp_path / "speech.npy", speech)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tiny_whisper, tmp_path / "speech.npy"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded, after_5, after_20, heard = json.loads(done.stdout)
    assert after_20 <= after_5 * 1.15 + 10.0
    assert heard == pytest.approx(loaded, abs=30.0)
