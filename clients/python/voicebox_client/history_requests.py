"""Builds requests about the history: pure functions that both clients share."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, count, takewhile
from typing import Annotated, Literal, TypedDict, Unpack

from google.protobuf.field_mask_pb2 import FieldMask
from voicebox.catalog.v1 import catalog_pb2
from voicebox.tts.v1 import tts_pb2

from .requests import SpeechOptions, TurnStyle, dialogue, resource, say, turn

Group = Literal["profile", "engine", "day"]

GROUPS: Mapping[str, "catalog_pb2.StatisticsGroup.ValueType"] = {
    "": catalog_pb2.STATISTICS_GROUP_UNSPECIFIED,
    "profile": catalog_pb2.STATISTICS_GROUP_PROFILE,
    "engine": catalog_pb2.STATISTICS_GROUP_ENGINE,
    "day": catalog_pb2.STATISTICS_GROUP_DAY,
}


class TranscriptionChanges(TypedDict, total=False):
    """What can change in a transcription."""

    favorite: Annotated[bool, "True: the retention rule never deletes it"]
    labels: Annotated[Mapping[str, str], "all labels, in place of those it has"]


class GenerationChanges(TranscriptionChanges, total=False):
    """What can change in a generation."""

    word_error_rate: Annotated[float, "between its text and what was recognised"]


def update_generation(
    name: str, etag: str, **changes: Unpack[GenerationChanges]
) -> catalog_pb2.UpdateGenerationRequest:
    """Changes exactly the fields that are given, also to empty values."""
    generation = catalog_pb2.Generation(name=resource("generations", name), etag=etag, **changes)
    return catalog_pb2.UpdateGenerationRequest(generation=generation, update_mask=FieldMask(paths=sorted(changes)))


def update_transcription(
    name: str, etag: str, **changes: Unpack[TranscriptionChanges]
) -> catalog_pb2.UpdateTranscriptionRequest:
    """Changes exactly the fields that are given, also to empty values."""
    transcription = catalog_pb2.Transcription(name=resource("transcriptions", name), etag=etag, **changes)
    return catalog_pb2.UpdateTranscriptionRequest(
        transcription=transcription, update_mask=FieldMask(paths=sorted(changes))
    )


def statistics(filter: str, by: Group | Literal[""], page_size: int) -> catalog_pb2.GetGenerationStatisticsRequest:
    """Raises ValueError for an unknown group."""
    if by not in GROUPS:
        raise ValueError(f"There is no group {by!r}: choose one of {', '.join(name for name in GROUPS if name)}.")
    return catalog_pb2.GetGenerationStatisticsRequest(filter=filter, group_by=GROUPS[by], page_size=page_size)


def retention_rule(keep_days: int | None, keep_bytes: int | None) -> catalog_pb2.UpdateRetentionRuleRequest:
    """None is no limit."""
    return catalog_pb2.UpdateRetentionRuleRequest(
        rule=catalog_pb2.RetentionRule(keep_days=keep_days, keep_bytes=keep_bytes)
    )


def again(
    generation: catalog_pb2.Generation, **options: Unpack[SpeechOptions]
) -> tts_pb2.StreamSynthesizeRequest | tts_pb2.StreamDialogueRequest:
    """The same text, voices, model, seed and parameters as of a generation; `options` come before what it had, and
    another voice may be of another model.
    """
    had: SpeechOptions = {
        "seed": generation.seed,
        "language": generation.language,
        "speed": generation.speed,
        "pitch_semitones": generation.pitch_semitones,
    }
    if generation.parameters.get("instructions"):
        had["instructions"] = generation.parameters["instructions"]
    if generation.parameters.get("lexicons"):
        had["lexicons"] = generation.parameters["lexicons"].split(", ")
    is_other_voice = bool(options.keys() & {"profile", "voice", "reference"})
    turns = [] if is_other_voice else list(_turns(generation, options))
    if turns:
        kept: SpeechOptions = {"seed": generation.seed}
        if "lexicons" in had:
            kept["lexicons"] = had["lexicons"]
        request = dialogue((), None, **(kept | options))
        request.turns.extend(turns)
        return request
    if not is_other_voice:
        if generation.profile:
            had["profile"] = generation.profile
        else:
            had["voice"] = generation.voice
        if generation.model:
            had["model"] = generation.model
    return say(generation.text, **(had | options))


def _turns(generation: catalog_pb2.Generation, options: SpeechOptions) -> Iterator[tts_pb2.DialogueTurn]:
    """The turns of a dialogue, which its record has as lists in JSON; none of any other generation."""
    values = takewhile(bool, (generation.parameters.get(f"turns.{number}", "") for number in count(1)))
    at = 0
    for said in chain.from_iterable(map(json.loads, values)):
        text = generation.text[at : at + said["characters"]]
        at += said["characters"] + 1
        style: TurnStyle = {}
        for name in TurnStyle.__annotations__:
            if value := options.get(name) or said.get(name):
                style[name] = value  # type: ignore[literal-required]  # its own names
        yield turn((said["voice"], text, style), said.get("pause_seconds", 0.0))
