"""Pocket TTS, with random weights: found, fetched, loaded, and driven frame by frame as the package itself does."""

import gc
import json
import shutil
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from voicebox_kit.errors import InvalidField, NotFound, Precondition, StartError, Unavailable
from voicebox_models import store
from voicebox_models.engine import Progress, Report, Setup
from voicebox_models.files import Downloadable
from voicebox_models.hub import Hub
from voicebox_models.store import ModelManifest, StoredFile
from voicebox_tts.engine import Capability, Packed, Reference, Samples, Speech, Style
from voicebox_tts.engines.pocket import model_files
from voicebox_tts.engines.pocket.engine import PocketEngine, PocketFamily, family
from voicebox_tts.engines.pocket.published import CLONING_REPOSITORY, ENGLISH_VOICES, KNOWN, REPOSITORY, VOICES_REVISION

PLAIN = Style()
SENTENCE = "Four hours of steady work faced us, and then we went home."
FRAME = 1920


@pytest.fixture(scope="module")
def setup(tiny_pocket: Path) -> Setup:
    return Setup("cpu", "auto", tiny_pocket, hub=Hub(offline=True))


def found(setup: Setup, name: str = "pocket/english") -> PocketEngine:
    engine = family(setup).engine(name)
    assert engine is not None
    return engine


@pytest.fixture(scope="module")
def pocket(setup: Setup) -> Iterator[PocketEngine]:
    engine = found(setup)
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def mine(tiny_pocket: Path, tmp_path: Path) -> tuple[PocketEngine, Path]:
    """A copy of the model that a test may change, as `pocket/mine`, and its folder."""
    folder = Path(shutil.copytree(tiny_pocket / "pocket" / "english", tmp_path / "models" / "pocket" / "mine"))
    return found(Setup("cpu", "auto", tmp_path / "models", hub=Hub(offline=True)), "pocket/mine"), folder


def change_weights(folder: Path, **changed: torch.Tensor) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file(load_file(path) | {name.replace("__", "."): tensor for name, tensor in changed.items()}, path)


def speak_all(pocket: PocketEngine, *sentences: str, seed: int = 1, voice: str = "alba") -> list[Speech]:
    with closing(pocket.open(voice, PLAIN, seed)) as session:
        return [speech for sentence in sentences for speech in session.speak(sentence)]


def sound(speeches: Sequence[Speech]) -> Samples:
    return np.concatenate([np.zeros(0, np.float32), *(speech.samples for speech in speeches)])


@pytest.fixture(scope="module")
def human(speech_data) -> Reference:
    """A person's voice."""
    name = next(name for name in speech_data.transcripts if name.endswith((".wav", ".flac")))
    samples, rate = soundfile.read(speech_data.path(name), dtype="float32", always_2d=True)
    return Reference(samples.mean(axis=1)[: 6 * rate], rate, speech_data.transcripts[name])


# The family


def test_the_published_models_are_listed_and_pinned(tmp_path: Path) -> None:
    engines = family(Setup("auto", "auto", tmp_path)).engines()
    assert [engine.model.name.removeprefix("pocket/") for engine in engines] == list(KNOWN)
    assert [engine.model.languages for engine in engines] == [
        ("en",),
        ("fr",),
        ("de",),
        ("it",),
        ("pt",),
        ("es",),
        ("nl",),
    ]
    for engine in engines:
        assert len(engine.model.revision) == 40
        assert engine.model.licence == "CC-BY-4.0"
        assert engine.capabilities == {Capability.CLONING, Capability.SEED, Capability.TEXT_NORMALIZATION}
        assert engine.memory_bytes > 400_000_000
        assert engine.default_voice == engine.voices()[0].name
        assert not engine.files.present
        assert not engine.loaded


def test_what_is_pinned_is_what_the_package_names() -> None:
    from pocket_tts.default_parameters import get_default_voice_for_language
    from pocket_tts.utils.config import CONFIGS_DIR, load_config
    from pocket_tts.utils.utils import _ORIGINS_OF_PREDEFINED_VOICES, get_predefined_voice

    for name, published in KNOWN.items():
        config = load_config(CONFIGS_DIR / f"{name}.yaml")
        folder = f"languages/{name}"
        assert (
            config.weights_path == f"hf://{CLONING_REPOSITORY}/{folder}/model.safetensors@{published.cloning_revision}"
        )
        assert (
            config.weights_path_without_voice_cloning
            == f"hf://{REPOSITORY}/{folder}/model.safetensors@{published.revision}"
        )
        tokenizer = config.flow_lm.lookup_table.tokenizer_path
        assert tokenizer == f"hf://{REPOSITORY}/{folder}/tokenizer.json@{published.tokenizer_revision}"
        assert get_default_voice_for_language(name) == published.voices[0]
        for voice in published.voices:
            path = f"{folder}/embeddings/{voice}.safetensors"
            assert get_predefined_voice(name, voice) == f"hf://{REPOSITORY}/{path}@{VOICES_REVISION}"
    forbidden = {
        voice for voice, origin in _ORIGINS_OF_PREDEFINED_VOICES.items() if "/expresso/" in origin or "/ears/" in origin
    }
    others = {KNOWN[name].voices[0] for name in KNOWN if name != "english"}
    assert set(ENGLISH_VOICES) == set(_ORIGINS_OF_PREDEFINED_VOICES) - forbidden - others


def test_nothing_of_torch_is_imported_before_a_model_is_loaded(setup: Setup) -> None:
    script = (
        "import sys; from pathlib import Path; from voicebox_models.engine import Setup\n"
        "from voicebox_tts.engines.pocket.engine import family\n"
        f"engine = family(Setup('auto', 'auto', Path({str(setup.models_folder)!r}))).engines()[0]\n"
        "assert engine.files.present and engine.voices() and engine.capabilities\n"
        "assert engine.model.revision and engine.memory_bytes\n"
        "assert not {'torch', 'pocket_tts', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_english_is_recommended_without_a_gpu_and_nothing_with_one(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = family(setup)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert models.recommended() == (models.engine("pocket/english"),)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert models.recommended() == ()


def test_a_folder_is_a_model_and_comes_before_those_that_are_not_here(
    setup: Setup, mine: tuple[PocketEngine, Path]
) -> None:
    engine, folder = mine
    models = family(Setup("cpu", "auto", folder.parent.parent, named_folder=setup.models_folder / "pocket" / "french"))
    assert [each.model.name for each in models.engines()][:3] == ["pocket/french", "pocket/mine", "pocket/english"]
    assert (engine.model.revision[:6], engine.model.languages, engine.model.licence) == (
        "local-",
        ("und",),
        "LicenseRef-unknown",
    )
    assert [voice.name for voice in engine.voices()] == ["alba", "javert", "marius"]
    assert models.engine("pocket/yours") is models.engine("qwen3/mine") is None


@pytest.mark.parametrize("changed", [{"device": "cuda:0"}, {"device": "gpu"}, {"compute_type": "bfloat16"}])
def test_a_device_or_a_compute_type_that_it_has_not_got_is_named(setup: Setup, changed: dict[str, str]) -> None:
    with pytest.raises(StartError, match=next(iter(changed.values()))):
        family(replace(setup, **changed))


# What a folder must hold


def damage(folder: Path, name: str, content: bytes | None) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("model.safetensors", None, "no model.safetensors"),
        ("model.safetensors", b"", "not a safetensors file"),
        ("model.safetensors", b"\x10\0\0\0\0\0\0\0not json at all..", "not a safetensors file"),
        ("model.safetensors", b"\xff" * 4096, "not a safetensors file"),
        ("model.safetensors", b"\x08\0\0\0\0\0\0\0[[[[[[[[", "not a safetensors file"),
        ("tokenizer.model", None, "no tokenizer.json"),
        ("tokenizer.model", b"boom", "cannot be loaded"),
        ("config.yaml", None, "no config.yaml"),
        ("config.yaml", b"flow_lm: 1", "cannot be loaded"),
        ("embeddings/alba.safetensors", b"half", "alba.safetensors is not a safetensors file"),
    ],
)
def test_a_damaged_folder_is_a_sentence(
    mine: tuple[PocketEngine, Path], name: str, content: bytes | None, sentence: str
) -> None:
    engine, folder = mine
    damage(folder, name, content)
    before = set(threading.enumerate())
    with pytest.raises(StartError, match=sentence):
        engine.load()
    assert not engine.loaded
    assert set(threading.enumerate()) <= before


def test_a_configuration_runs_no_code(mine: tuple[PocketEngine, Path]) -> None:
    engine, folder = mine
    damage(folder, "config.yaml", f"!!python/object/apply:os.mkdir ['{folder}/made']".encode())
    with pytest.raises(StartError, match="cannot be loaded"):
        engine.load()
    assert not (folder / "made").exists()


def test_cut_off_weights_are_a_sentence(mine: tuple[PocketEngine, Path]) -> None:
    engine, folder = mine
    whole = (folder / "model.safetensors").read_bytes()
    damage(folder, "model.safetensors", whole[:-1])
    with pytest.raises(StartError, match="fetch it again"):
        engine.load()


def test_pickles_are_never_read(mine: tuple[PocketEngine, Path]) -> None:
    engine, folder = mine
    (folder / "model.safetensors").rename(folder / "model.pt")
    with pytest.raises(StartError, match="pickles are never read"):
        engine.load()


def test_the_weights_of_another_size_are_a_sentence(mine: tuple[PocketEngine, Path]) -> None:
    engine, folder = mine
    change_weights(folder, flow_lm__bos_emb=torch.zeros(3))
    with pytest.raises(StartError, match="bos_emb"):
        engine.load()


def test_a_published_name_needs_no_configuration(tiny_pocket: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_pocket / "pocket" / "english", tmp_path / "english"))
    (folder / "config.yaml").unlink()
    assert model_files.problem(folder) is None
    with pytest.raises(StartError, match="cannot be loaded"):  # the small weights are not those of the published sizes
        found(Setup("cpu", "auto", tmp_path, named_folder=folder)).load()


def test_a_model_that_is_not_here_is_not_fetched_by_loading_it(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="download"):
        found(Setup("auto", "auto", tmp_path, hub=Hub(offline=True))).load()


def test_what_a_configuration_names_elsewhere_is_never_fetched(
    mine: tuple[PocketEngine, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, folder = mine
    document = yaml.safe_load((folder / "config.yaml").read_text())
    document["weights_path"] = document["flow_lm"]["weights_path"] = document["mimi"]["weights_path"] = (
        "hf://kyutai/pocket-tts/a@b"
    )
    document["flow_lm"]["lookup_table"]["tokenizer_path"] = "https://localhost:1/tokenizer.model"
    (folder / "config.yaml").write_text(yaml.safe_dump(document))

    def refuse(*arguments: object) -> None:
        raise AssertionError("it opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    engine.load()
    assert len(speak_all(engine, "Hello."))
    engine.unload()


# The download


@dataclass
class FakeHub:
    """Gives each file that is required; its content is where it came from."""

    gated: bool = False
    fetched: list[tuple[str, str]] = field(default_factory=list)

    def fetch(
        self,
        repository: str,
        revision: str,
        patterns: Sequence[str],
        target: Path,
        report: Callable[..., None],
        *,
        required: Sequence[str],
    ) -> None:
        if self.gated and repository == CLONING_REPOSITORY:
            raise Precondition("MODEL_GATED", repository, "Its terms were not accepted.")
        assert not target.exists()
        assert list(patterns) == list(required)
        for name in required:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(f"{repository} {revision}")
            self.fetched.append((f"{repository}@{revision}", name))
        report(Progress(5, 10))
        report(Progress(10, 10))
        files = tuple(
            StoredFile(name, (target / name).stat().st_size, store.sha256(target / name)) for name in required
        )
        store.write_manifest(target, ModelManifest(repository, revision, "2026-01-01", files))


def fetch(engine: PocketEngine, report: Report) -> None:
    assert isinstance(engine.files, Downloadable)
    engine.files.download(report)


def downloaded(tmp_path: Path, hub: FakeHub, model: str = "french") -> tuple[PocketEngine, list[Progress]]:
    engine, reported = found(Setup("auto", "auto", tmp_path, hub=hub), f"pocket/{model}"), list[Progress]()
    fetch(engine, reported.append)
    return engine, reported


def test_a_download_is_the_parts_that_the_package_names(tmp_path: Path) -> None:
    hub, published = FakeHub(), KNOWN["french"]
    engine, reported = downloaded(tmp_path, hub)
    assert hub.fetched == [
        (f"{CLONING_REPOSITORY}@{published.cloning_revision}", "languages/french/model.safetensors"),
        (f"{REPOSITORY}@{published.tokenizer_revision}", "languages/french/tokenizer.json"),
        (f"{REPOSITORY}@{VOICES_REVISION}", "languages/french/embeddings/estelle.safetensors"),
    ]
    folder = tmp_path / "pocket" / "french"
    assert store.verify(folder) == []
    assert [path.name for path in folder.parent.iterdir()] == ["french"]
    assert engine.files.present
    assert engine.model.revision == published.cloning_revision
    assert Capability.CLONING in engine.capabilities
    assert [progress.bytes_done for progress in reported] == sorted(progress.bytes_done for progress in reported)
    assert reported[-1] == Progress(30, 30)
    fetch(engine, reported.append)
    assert len(hub.fetched) == 3


def test_gated_weights_are_replaced_by_those_that_do_not_clone(tmp_path: Path, human: Reference) -> None:
    engine, _ = downloaded(tmp_path, FakeHub(gated=True), "english")
    assert engine.model.revision == KNOWN["english"].revision
    assert engine.capabilities == {Capability.SEED, Capability.TEXT_NORMALIZATION}
    assert {voice.name for voice in engine.voices()} == set(ENGLISH_VOICES)
    assert engine.default_voice == "alba"
    with pytest.raises(InvalidField) as caught:
        engine.prompt(human)
    assert (caught.value.field, caught.value.reason) == ("reference", "UNSUPPORTED_BY_ENGINE")


def test_a_download_that_was_cut_off_goes_on_from_the_part_that_it_had(tmp_path: Path) -> None:
    hub = FakeHub()

    def give_up(progress: Progress) -> None:
        if progress.bytes_done > 10:
            raise InterruptedError

    engine = found(Setup("auto", "auto", tmp_path, hub=hub), "pocket/dutch")
    with pytest.raises(InterruptedError):
        fetch(engine, give_up)
    assert not engine.files.present
    shutil.rmtree(
        next((tmp_path / "pocket" / ".dutch.parts").glob("*-tokenizer"))
    )  # Hub.fetch would leave no such folder
    fetch(engine, lambda progress: None)
    assert engine.files.present
    assert [name for _, name in hub.fetched].count("languages/dutch/model.safetensors") == 1


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Precondition) as caught:
        fetch(found(Setup("auto", "auto", tmp_path, hub=Hub(offline=True))), lambda progress: None)
    assert caught.value.reason == "OFFLINE"


# Beside the package


@pytest.fixture(scope="module")
def official(tiny_pocket: Path, tmp_path_factory: pytest.TempPathFactory):
    """The package's own model of the same files."""
    from pocket_tts import TTSModel

    folder, config = tiny_pocket / "pocket" / "english", tmp_path_factory.mktemp("official") / "tiny.yaml"
    document = yaml.safe_load((folder / "config.yaml").read_text()) | {
        "weights_path": str(folder / "model.safetensors")
    }
    document["flow_lm"]["lookup_table"]["tokenizer_path"] = str(folder / "tokenizer.model")
    config.write_text(yaml.safe_dump(document))
    return TTSModel.load_model(config=config)


@pytest.mark.parametrize("text", [SENTENCE, "Hi.", " ".join([SENTENCE] * 6), "one, two"])
def test_it_speaks_what_the_package_speaks_with_the_same_noise(
    pocket: PocketEngine, official, setup: Setup, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = 0
    noise = np.random.default_rng()

    def given(tensor: torch.Tensor, mean: float, std: float) -> torch.Tensor:
        return tensor.copy_(torch.from_numpy(noise.standard_normal(tensor.shape[-1], np.float32))[None] * std)

    prompted = official._run_flow_lm_and_increment_step

    def counted(model_state, text_tokens=None, **kwargs):
        nonlocal noise, pieces
        out = prompted(model_state, text_tokens=text_tokens, **kwargs)
        if text_tokens is not None:  # the package draws while it reads, too
            pieces += 1
            noise = np.random.default_rng((7, pieces))
        return out

    monkeypatch.setattr(torch.nn.init, "normal_", given)
    monkeypatch.setattr(official, "_run_flow_lm_and_increment_step", counted)
    state = official.get_state_for_audio_prompt(
        setup.models_folder / "pocket" / "english" / "embeddings" / "javert.safetensors"
    )
    expected = official.generate_audio(state, text).numpy()
    spoken = speak_all(pocket, text, seed=7, voice="javert")
    np.testing.assert_allclose(sound(spoken), expected.clip(-1, 1), atol=1e-4)
    assert {len(speech.samples) for speech in spoken} == {FRAME}


def test_a_prompt_is_what_the_package_remembers(pocket: PocketEngine, official, human: Reference) -> None:
    import soxr

    prompt = pocket.prompt(human)
    state = official.get_state_for_audio_prompt(
        torch.from_numpy(soxr.resample(human.samples, human.sample_rate_hz, 24_000))[None]
    )
    expected = [layer["cache"][:, 0].numpy() for layer in state.values()]
    for ours, theirs in zip(prompt.memories, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert len(expected) == 2


# Sessions


def test_frames_come_one_by_one_and_closing_stops_at_once(pocket: PocketEngine) -> None:
    steps = []
    loaded = pocket._loaded
    assert loaded is not None
    network, step = loaded.network, loaded.network.step

    def counted(*arguments):
        steps.append(1)
        return step(*arguments)

    network.step = counted
    try:
        with closing(pocket.open("alba", PLAIN, 1)) as session:
            speech = session.speak(SENTENCE * 10)
            assert len(next(speech).samples) == FRAME
            speech.close()
    finally:
        del network.step
    assert len(steps) <= 2


def test_there_is_no_thread_for_a_stream(pocket: PocketEngine) -> None:
    before = set(threading.enumerate())
    streams = [pocket.open("alba", PLAIN, seed).speak(SENTENCE) for seed in range(8)]
    for stream in streams:
        next(stream)
    assert set(threading.enumerate()) <= before
    for stream in streams:
        stream.close()


def test_a_seed_gives_the_same_samples_alone_and_beside_others(pocket: PocketEngine) -> None:
    alone = [sound(speak_all(pocket, SENTENCE, "And again.", seed=seed)) for seed in range(4)]
    assert len({samples.tobytes() for samples in alone}) == 4
    start = threading.Barrier(4)

    def together(seed: int) -> Samples:
        start.wait(timeout=60)
        return sound(speak_all(pocket, SENTENCE, "And again.", seed=seed))

    with ThreadPoolExecutor(4) as executor:
        for one, other in zip(alone, executor.map(together, range(4)), strict=True):
            np.testing.assert_array_equal(one, other)


def test_several_workers_make_what_one_makes(
    setup: Setup, pocket: PocketEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sound(speak_all(pocket, SENTENCE, seed=3))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    engine = found(setup)
    engine.load()
    np.testing.assert_array_equal(sound(speak_all(engine, SENTENCE, seed=3)), expected)
    engine.unload()


def test_nothing_of_torch_that_others_share_is_changed(setup: Setup, human: Reference) -> None:
    threads, generator = torch.get_num_threads(), torch.get_rng_state()
    engine = found(setup)
    engine.load()
    assert len(speak_all(engine, SENTENCE))
    engine.prompt(human)
    engine.unload()
    beginning: list[int] = []
    other = threading.Thread(target=lambda: beginning.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert (torch.get_num_threads(), beginning) == (threads, [threads])
    assert torch.equal(torch.get_rng_state(), generator)


def test_importing_the_package_leaves_the_number_of_threads_alone(setup: Setup) -> None:
    script = (
        "import torch; torch.set_num_threads(2); from pathlib import Path; from threading import Thread\n"
        "from voicebox_models.engine import Setup; from voicebox_tts.engines.pocket.engine import family\n"
        f"engine = family(Setup('auto', 'auto', Path({str(setup.models_folder)!r}))).engines()[0]\n"
        "engine.load(); print(torch.get_num_threads(), flush=True)\n"
        "thread = Thread(target=lambda: print(torch.get_num_threads()))\n"
        "thread.start(); thread.join(); engine.unload()\n"
    )
    assert subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split() == ["2", "2"]


def test_a_voice_that_does_not_end_is_cut_off_with_a_warning(mine: tuple[PocketEngine, Path]) -> None:
    engine, folder = mine
    change_weights(folder, flow_lm__out_eos__bias=torch.tensor([-1e9]))
    spoken = speak_all(engine, "Hi.")
    loaded = engine._loaded
    assert loaded is not None
    (piece,) = loaded.network.text.pieces("Hi.")
    assert len(spoken) == loaded.network.max_frames(piece) == int(np.ceil((len(piece.tokens) / 3 + 2) * 12.5))
    assert not any(speech.warnings for speech in spoken[:-1])
    assert "cut off" in spoken[-1].warnings[0]
    engine.unload()


def test_a_voice_that_ends_is_not_warned_of(mine: tuple[PocketEngine, Path]) -> None:
    engine, folder = mine
    change_weights(folder, flow_lm__out_eos__bias=torch.tensor([1e9]))
    spoken = speak_all(engine, SENTENCE)
    assert len(spoken) == 6 + 3  # no end is detected before the sixth frame, and three more ring out
    assert not any(speech.warnings for speech in spoken)
    engine.unload()


@pytest.mark.parametrize("text", ["", "...", "?!", "\0", "—", "👩‍👩‍👧‍👦", "«»", "\u202e"])
def test_nothing_to_say_is_no_audio(pocket: PocketEngine, text: str) -> None:
    assert speak_all(pocket, text) == []


@pytest.mark.parametrize("text", ["a" * 3_000, "word " * 400, "a. " * 1_000, "7" * 500, "😀a" * 100, "a\0b\x1b[31m c"])
def test_any_text_is_cut_into_pieces_that_the_model_can_read(pocket: PocketEngine, text: str) -> None:
    loaded = pocket._loaded
    assert loaded is not None
    pieces = list(loaded.network.text.pieces(text))
    assert pieces
    assert all(0 < len(piece.tokens) <= 50 for piece in pieces)


def test_what_people_have_spoken_is_not_logged(pocket: PocketEngine, caplog: pytest.LogCaptureFixture) -> None:
    speak_all(pocket, "secret " * 60)
    assert not caplog.records


def test_a_long_text_begins_each_piece_with_the_voice(pocket: PocketEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = pocket._loaded
    assert loaded is not None
    begun = []
    begin = loaded.network.begin

    def remembered(prompt, piece):
        begun.append(prompt)
        return begin(prompt, piece)

    monkeypatch.setattr(loaded.network, "begin", remembered)
    speak_all(pocket, f"{SENTENCE} " * 6)
    assert len(begun) > 3
    assert all(prompt is begun[0] for prompt in begun)


@pytest.mark.parametrize(
    ("style", "name"),
    [
        (Style(instructions="Whisper."), "style.instructions"),
        (Style(speed=1.5), "style.speed"),
        (Style(pitch_semitones=2), "style.pitch_semitones"),
        (Style(language="fr"), "style.language"),
    ],
)
def test_what_it_cannot_do_names_the_field(pocket: PocketEngine, style: Style, name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        pocket.open("alba", style, 1)
    assert caught.value.field == name


def test_a_language_with_a_region_does(pocket: PocketEngine) -> None:
    pocket.open("alba", Style(language="en-GB"), 1).close()


@pytest.mark.parametrize("name", ["nobody", "", "../alba", "alba\0", "hf://kyutai/tts-voices/alba-mackenna/casual.wav"])
def test_an_unknown_voice_is_not_found(pocket: PocketEngine, name: str) -> None:
    with pytest.raises(NotFound):
        pocket.open(name, PLAIN, 1)


def test_a_voice_of_another_model_is_reported_to_be_one(mine: tuple[PocketEngine, Path]) -> None:
    from safetensors.torch import load_file, save_file

    engine, folder = mine
    path = folder / "embeddings" / "marius.safetensors"
    stored = load_file(path)
    save_file(
        {name: tensor[..., :3].contiguous() if name.endswith("cache") else tensor for name, tensor in stored.items()},
        path,
    )
    engine.load()
    with pytest.raises(Unavailable, match="another model"):
        engine.open("marius", PLAIN, 1)
    engine.unload()


def test_the_model_with_a_tokenizer_of_json_speaks_its_language(setup: Setup) -> None:
    engine = found(setup, "pocket/french")
    assert len(speak_all(engine, "Bonjour le monde.", voice="estelle"))
    with pytest.raises(InvalidField):
        engine.open("estelle", Style(language="en"), 1)
    engine.unload()


# Prompts


def test_a_prompt_speaks_and_survives_storage(pocket: PocketEngine, human: Reference) -> None:
    prompt = pocket.prompt(human)
    assert prompt.base_voice == ""
    assert prompt.steps == pytest.approx(12.5 * len(human.samples) / human.sample_rate_hz, rel=0.3)
    assert prompt.size_bytes == sum(memory.nbytes for memory in prompt.memories)
    assert prompt == pocket.prompt(human)
    again = pocket.unpack(pocket.pack(prompt))
    assert again == prompt
    assert hash(again) == hash(prompt)
    first, second = (sound(list(pocket.open(each, PLAIN, 5).speak(SENTENCE))) for each in (prompt, again))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, sound(speak_all(pocket, SENTENCE, seed=5)))


def test_what_is_no_prompt_of_this_model_is_refused(pocket: PocketEngine, setup: Setup, human: Reference) -> None:
    packed = pocket.pack(pocket.prompt(human))
    arrays = dict(packed.arrays)
    name, memory = next(iter(arrays.items()))
    broken = [
        Packed({}, packed.facts),
        Packed(arrays, {}),
        Packed(arrays | {"more": memory}, packed.facts),
        *(
            Packed(arrays | {name: other}, packed.facts)
            for other in (
                memory[:1],
                memory[:, :1],
                memory[..., :1],
                memory * np.nan,
                memory.astype(np.float64),
                np.zeros(3, np.float32),
            )
        ),
        Packed(dict.fromkeys(arrays, memory[:, :0]), packed.facts),
    ]
    for each in broken:
        with pytest.raises(ValueError, match="not a prompt of this model"):
            pocket.unpack(each)
    french = found(setup, "pocket/french")
    with pytest.raises(ValueError, match="not a prompt of this model"):
        french.unpack(packed)
    french.unload()


def test_too_little_speech_makes_no_prompt(pocket: PocketEngine) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    for samples in (np.zeros(0, np.float32), np.zeros(48_000, np.float32), np.zeros(2_400, np.float32), noise):
        with pytest.raises(InvalidField) as caught:
            pocket.prompt(Reference(samples, 24_000))
        assert (caught.value.field, caught.value.reason) == ("reference", "REFERENCE_TOO_LITTLE_SPEECH")


def test_only_the_first_half_minute_of_a_recording_is_recognised(pocket: PocketEngine, human: Reference) -> None:
    long = replace(human, samples=np.tile(human.samples, 12))
    assert pocket.prompt(long).steps <= 12.5 * 30 + 3


def test_weights_that_do_not_clone_say_so(mine: tuple[PocketEngine, Path]) -> None:
    engine, folder = mine
    assert Capability.CLONING in engine.capabilities
    change_weights(folder, flow_lm__speaker_proj_weight=torch.zeros(32, 8))
    assert engine.capabilities == {Capability.SEED, Capability.TEXT_NORMALIZATION}


# Unloading


def test_unloading_frees_the_weights_and_ends_the_threads(setup: Setup) -> None:
    threads = set(threading.enumerate())
    engine = found(setup)
    engine.load()
    loaded = engine._loaded
    assert loaded is not None
    weights = weakref.ref(next(loaded.network._model.parameters()))
    del loaded
    assert engine.memory_bytes == pytest.approx(
        model_files.size_bytes(setup.models_folder / "pocket" / "english"), rel=0.1
    )
    engine.unload()
    gc.collect()
    assert weights() is None
    assert set(threading.enumerate()) <= threads


def test_a_stream_that_is_open_when_it_is_unloaded_fails_with_a_sentence(setup: Setup) -> None:
    engine = found(setup)
    stream = engine.open("alba", PLAIN, 1).speak(SENTENCE)
    next(stream)
    engine.unload()
    with pytest.raises(Unavailable, match="unloaded"):
        list(stream)


def test_the_manifest_is_json(tmp_path: Path) -> None:
    downloaded(tmp_path, FakeHub())
    assert (
        json.loads((tmp_path / "pocket" / "french" / "voicebox.json").read_text())["repository"] == CLONING_REPOSITORY
    )


def test_the_family_gives_the_same_engines_at_each_call(setup: Setup) -> None:
    models: PocketFamily = family(setup)
    assert list(models.engines()) == list(models.engines())
