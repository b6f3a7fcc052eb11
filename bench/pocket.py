"""Pocket TTS on this machine's processor: the published sizes with random weights, which cost the same as trained
ones.
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from pocket_tts.models.flow_lm import FlowLMModel
from pocket_tts.models.mimi import build_mimi
from pocket_tts.utils.config import CONFIGS_DIR, load_config
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from voicebox_tts.engine import Reference
from voicebox_tts.engines.pocket.loaded import LoadedPocket
from voicebox_tts.engines.pocket.prompt import PocketPrompt

from bench.figures import Figure, quantile, seconds_of
from bench.hum import RATE_HZ, hum
from bench.tts import TEXT

WARM_UP, RUNS = 1, 5
VOICE_SECONDS = 10
FRAMES, FRAME_SECONDS = 50, 0.08
"""So much is listened to of each stream."""
NEVER = -1e9


def measure() -> list[Figure]:
    """One stream on one core and on two, two streams on two cores, and how long a voice prompt takes."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "english"
        make(folder)
        with loaded(folder, 1) as pocket:
            voice = pocket.prompt(Reference(hum(VOICE_SECONDS), 24_000))
            figures = [*one_stream(pocket, voice, "1 core"), *listening(pocket)]
        with loaded(folder, 2) as pocket:
            return [*figures, *one_stream(pocket, voice, "2 cores"), *two_streams(pocket, voice)]


def make(folder: Path) -> None:
    """Write a model of the published sizes, whose voice never ends by itself."""
    folder.mkdir()
    config = load_config(CONFIGS_DIR / "english.yaml")
    table = config.flow_lm.lookup_table
    table.tokenizer_path = str(folder / "tokenizer.json")
    letters = [chr(code) for code in range(32, 127)]
    words = [f"▁{one}{other}" for one in letters for other in letters]
    tokenizer = Tokenizer(
        models.Unigram(
            [("<unk>", 0.0), *((each, -1.0) for each in ["▁", *letters, *words][: table.n_bins - 1])], unk_id=0
        )
    )
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer.save(table.tokenizer_path)
    model = FlowLMModel.from_pydantic_config(
        config.flow_lm, config.mimi.quantizer.dimension, config.flow_lm.insert_bos_before_voice
    )
    model.speaker_proj_weight = torch.nn.Parameter(
        torch.randn(config.flow_lm.transformer.d_model, config.mimi.inner_dim) / 32
    )
    torch.nn.init.constant_(model.out_eos.bias, NEVER)
    parts = {"flow_lm": model, "mimi": build_mimi(config.mimi)}
    weights = {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.state_dict().items()}
    save_file(weights, folder / "model.safetensors")


@contextmanager
def loaded(folder: Path, threads: int) -> Iterator[LoadedPocket]:
    """The model in memory, until the block ends."""
    pocket = LoadedPocket(folder, threads)
    try:
        yield pocket
    finally:
        pocket.close()


def one_stream(pocket: LoadedPocket, voice: PocketPrompt, where: str) -> list[Figure]:
    """A stream's first sound, and its seconds of work for a second of audio."""
    runs = [spoken(pocket, voice, seed) for seed in range(WARM_UP + RUNS)][WARM_UP:]
    first, factor = [run[0] for run in runs], [run[1] for run in runs]
    return [
        Figure(f"pocket first audio p50, {where}", 1000 * quantile(first, 0.5), "ms"),
        Figure(f"pocket first audio p95, {where}", 1000 * quantile(first, 0.95), "ms"),
        Figure(f"pocket real-time factor, {where}", quantile(factor, 0.5), "", at_most=1.0),
    ]


def two_streams(pocket: LoadedPocket, voice: PocketPrompt) -> list[Figure]:
    """Two at once: each one's real-time factor."""
    with ThreadPoolExecutor(2) as executor:
        runs = [run for _ in range(RUNS // 2) for run in executor.map(partial(spoken, pocket, voice), range(2))]
    return [
        Figure(
            "pocket real-time factor, each of 2 streams, 2 cores",
            quantile([run[1] for run in runs], 0.5),
            "",
            at_most=1.0,
        )
    ]


def listening(pocket: LoadedPocket) -> list[Figure]:
    """A voice prompt from 10 s of audio."""
    seconds = [seconds_of(partial(pocket.prompt, Reference(hum(VOICE_SECONDS), RATE_HZ))) for _ in range(3)]
    return [
        Figure("pocket voice prompt from 10 s, 1 core", quantile(seconds, 0.5), "s"),
        Figure("pocket weights in memory", pocket.network.size_bytes / 1e6, "MB"),
    ]


def spoken(pocket: LoadedPocket, voice: PocketPrompt, seed: int) -> tuple[float, float]:
    """Seconds to the first sound, and seconds of work for each second of audio."""
    with closing(pocket.session(voice, seed).speak(TEXT)) as stream:
        began = time.perf_counter()
        next(stream)
        first = time.perf_counter() - began
        for _ in islice(stream, FRAMES - 1):
            pass
    return first, (time.perf_counter() - began) / (FRAMES * FRAME_SECONDS)


if __name__ == "__main__":
    for figure in measure():
        print(figure.line)
