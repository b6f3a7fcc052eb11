"""Turns a config into an engine's options; InvalidField, by its path, for what is wrong or not supported."""

from collections.abc import Iterable

from voicebox.asr.v1 import asr_pb2
from voicebox_kit import languages
from voicebox_kit.errors import InvalidField

from voicebox_asr.engine import Decoding, Engine, Jsgf, Options, Phrases, Task, VoiceDetection
from voicebox_asr.recognition.languages import resolve

MAX_PROMPT_CHARACTERS = 1000
MAX_HOTWORDS, MAX_HOTWORD_CHARACTERS = 100, 50
MAX_GRAMMAR_CHARACTERS = 20_000
MAX_PHRASES, MAX_PHRASE_CHARACTERS = 500, 100
MAX_BEAM_SIZE = 10
MAX_TEMPERATURES = 8

Bounds = tuple[float, float]

THRESHOLDS: dict[str, Bounds] = {
    "compression_ratio_threshold": (1.0, 10.0),
    "log_probability_threshold": (-10.0, 0.0),
    "no_speech_threshold": (0.0, 1.0),
}
VOICE_THRESHOLD: Bounds = (0.05, 0.95)

TASKS = {
    asr_pb2.RECOGNITION_TASK_UNSPECIFIED: Task.TRANSCRIBE,
    asr_pb2.RECOGNITION_TASK_TRANSCRIBE: Task.TRANSCRIBE,
    asr_pb2.RECOGNITION_TASK_TRANSLATE: Task.TRANSLATE,
}


def to_options(config: asr_pb2.RecognitionConfig, engine: Engine, field: str, *, word_times: bool = False) -> Options:
    """The options of a RecognitionConfig at the path `field`; words get their times if it or `word_times` says so."""
    language = languages.tag(config.language, f"{field}.language")
    multilingual = config.multilingual or language == languages.MULTILINGUAL
    options = Options(
        language=_language("" if language == languages.MULTILINGUAL else language, multilingual, engine, field),
        multilingual=multilingual,
        task=_task(config.task, f"{field}.task"),
        prompt=_text(config.prompt, MAX_PROMPT_CHARACTERS, f"{field}.prompt"),
        hotwords=_texts(config.hotwords, MAX_HOTWORDS, MAX_HOTWORD_CHARACTERS, f"{field}.hotwords"),
        grammar=_grammar(config.grammar, f"{field}.grammar"),
        decoding=_decoding(config.decoding, f"{field}.decoding"),
        voice_detection=_voice_detection(config.voice_activity, f"{field}.voice_activity"),
        word_times=word_times or config.word_offsets,
    )
    _refuse_what_it_cannot(config, options, engine, field)
    return options


def _refuse_what_it_cannot(config: asr_pb2.RecognitionConfig, options: Options, engine: Engine, field: str) -> None:
    can = engine.capabilities
    used = {
        "multilingual": (options.multilingual, can.multilingual),
        "task": (options.task is Task.TRANSLATE, can.translates),
        "prompt": (bool(options.prompt), can.prompts),
        "hotwords": (bool(options.hotwords), can.hotwords),
        "grammar": (options.grammar is not None, can.grammars),
        f"decoding.{_first_set(config.decoding)}": (options.decoding != Decoding(), can.decoding),
        "voice_activity.threshold": (options.voice_detection.threshold is not None, can.voice_threshold),
    }
    for name, (is_used, able) in used.items():
        if is_used and not able:
            sentence = f"The model {engine.model.name} cannot honour {field}.{name}."
            raise InvalidField(f"{field}.{name}", sentence, "UNSUPPORTED_BY_ENGINE")


def _first_set(decoding: asr_pb2.Decoding) -> str:
    """The name of a field that the caller set; empty when there is none."""
    return next((descriptor.name for descriptor, _ in decoding.ListFields()), "")


def _language(requested: str, multilingual: bool, engine: Engine, field: str) -> str:
    """The model's name for the language; empty where the model is to detect it."""
    if requested and multilingual:
        raise InvalidField(f"{field}.multilingual", "With multilingual, the language is detected: name none.")
    if not requested and engine.capabilities.detects_language:
        return ""
    return resolve(requested, engine.model.languages, f"{field}.language")


def _task(task: int, field: str) -> Task:
    if task not in TASKS:
        raise InvalidField(field, f"There is no task {task}.")
    return TASKS[task]  # type: ignore[index]  # any number may arrive


def _text(text: str, maximum: int, field: str) -> str:
    if len(text) > maximum:
        raise InvalidField(field, f"{field} may have {maximum} characters, not {len(text)}.")
    return text


def _texts(texts: Iterable[str], maximum: int, max_characters: int, field: str) -> tuple[str, ...]:
    values = tuple(text.strip() for text in texts)
    if len(values) > maximum:
        raise InvalidField(field, f"{field} may have {maximum} entries, not {len(values)}.")
    for index, text in enumerate(values):
        if not text:
            raise InvalidField(f"{field}[{index}]", f"{field}[{index}] is empty.")
        _text(text, max_characters, f"{field}[{index}]")
    return values


def _grammar(grammar: asr_pb2.Grammar, field: str) -> Jsgf | Phrases | None:
    match grammar.WhichOneof("grammar"):
        case "jsgf":
            return Jsgf(_text(grammar.jsgf, MAX_GRAMMAR_CHARACTERS, f"{field}.jsgf"))
        case "phrases":
            phrases = _texts(grammar.phrases.phrases, MAX_PHRASES, MAX_PHRASE_CHARACTERS, f"{field}.phrases.phrases")
            if not phrases:
                raise InvalidField(f"{field}.phrases.phrases", "A list of phrases must hold one.")
            return Phrases(phrases)
        case _:
            return None


def _decoding(decoding: asr_pb2.Decoding, field: str) -> Decoding:
    thresholds = {name: _bounded(decoding, name, bounds, field) for name, bounds in THRESHOLDS.items()}
    return Decoding(
        beam_size=_beam_size(decoding, f"{field}.beam_size"),
        temperatures=_temperatures(decoding.temperatures, f"{field}.temperatures"),
        condition_on_previous_text=decoding.condition_on_previous_text,
        **thresholds,
    )


def _beam_size(decoding: asr_pb2.Decoding, field: str) -> int | None:
    if not decoding.HasField("beam_size"):
        return None
    if not 1 <= decoding.beam_size <= MAX_BEAM_SIZE:
        raise InvalidField(field, f"{field} must be 1 to {MAX_BEAM_SIZE}, not {decoding.beam_size}.")
    return decoding.beam_size


def _temperatures(temperatures: Iterable[float], field: str) -> tuple[float, ...]:
    values = tuple(round(temperature, 6) for temperature in temperatures)  # a float32 0.2 is 0.20000000298
    if (
        len(values) > MAX_TEMPERATURES
        or list(values) != sorted(values)
        or not all(0.0 <= each <= 1.0 for each in values)
    ):
        raise InvalidField(field, f"{field} must be at most {MAX_TEMPERATURES} numbers of 0 to 1, ascending.")
    return values


def _voice_detection(config: asr_pb2.VoiceActivityConfig, field: str) -> VoiceDetection:
    return VoiceDetection(off=config.off, threshold=_bounded(config, "threshold", VOICE_THRESHOLD, field))


def _bounded(
    message: asr_pb2.Decoding | asr_pb2.VoiceActivityConfig, name: str, bounds: Bounds, field: str
) -> float | None:
    """An optional float; None when it is not set."""
    if not message.HasField(name):  # type: ignore[arg-type]  # the stubs know literal names only
        return None
    value: float = round(getattr(message, name), 6)
    low, high = bounds
    if not low <= value <= high:
        raise InvalidField(f"{field}.{name}", f"{field}.{name} must be {low:g} to {high:g}, not {value:g}.")
    return value
