"""Who may call what: one row for every method that the gateway leads to, and for every path of web.

A method that is not here is denied. tests/accounts/test_table.py compares the table with the descriptors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from voicebox_accounts.keys.scopes import Scope


class Owners(Enum):
    """Whose data a method is about."""

    NONE = "nobody's: it is the same for everybody"
    OWN = "the caller's owner's alone"
    ADMIN_ANY = "the caller's owner's; with the scope admin, everybody's"


@dataclass(frozen=True)
class Rule:
    """What a caller needs. Without a scope anybody may call; an internal method is for the platform's own parts."""

    scope: Scope | None
    owners: Owners
    is_internal: bool = False

    @property
    def is_write(self) -> bool:
        """Whether each call stands in the audit."""
        return self.scope in (Scope.MANAGE, Scope.ADMIN)


OPEN = Rule(None, Owners.NONE)
SPEAK, HEAR = Rule(Scope.SPEAK, Owners.OWN), Rule(Scope.HEAR, Owners.OWN)
READ, MANAGE = Rule(Scope.READ, Owners.OWN), Rule(Scope.MANAGE, Owners.OWN)
LIST = Rule(Scope.READ, Owners.NONE)
ANY_SPEAK, ANY_HEAR = Rule(Scope.SPEAK, Owners.NONE), Rule(Scope.HEAR, Owners.NONE)
READ_ANY, ADMIN = Rule(Scope.READ, Owners.ADMIN_ANY), Rule(Scope.ADMIN, Owners.ADMIN_ANY)
INTERNAL = Rule(None, Owners.OWN, is_internal=True)


def _named(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_GOOGLE_TTS = _named(SPEAK, "SynthesizeSpeech StreamingSynthesize") | _named(LIST, "ListVoices")
_GOOGLE_SPEECH = _named(HEAR, "Recognize LongRunningRecognize StreamingRecognize")
_V2_UNSERVED = (
    "CreateRecognizer ListRecognizers GetRecognizer UpdateRecognizer DeleteRecognizer UndeleteRecognizer GetConfig "
    "UpdateConfig CreateCustomClass ListCustomClasses GetCustomClass UpdateCustomClass DeleteCustomClass "
    "UndeleteCustomClass CreatePhraseSet ListPhraseSets GetPhraseSet UpdatePhraseSet DeletePhraseSet UndeletePhraseSet"
)
"""Methods of Google's that answer UNIMPLEMENTED."""

SERVICES: Mapping[str, Mapping[str, Rule]] = {
    "voicebox.tts.v1.TextToSpeechService": {
        **_named(
            SPEAK, "Synthesize StreamSynthesize PlaySpeech StreamDialogue ConverseSynthesize DesignVoice ExplainSpeech"
        ),
        **_named(ANY_HEAR, "DetectWatermark"),
        **_named(LIST, "ListVoices"),
    },
    "voicebox.asr.v1.SpeechToTextService": _named(HEAR, "Recognize RecognizeUpload Transcribe StreamingRecognize"),
    "voicebox.conversion.v1.ConversionService": _named(SPEAK, "ConvertSpeech StreamingConvert"),
    "voicebox.conversion.v1.VoiceModelService": {
        **_named(READ, "ListVoiceModels GetVoiceModel ExportVoiceModel"),
        **_named(MANAGE, "DeleteVoiceModel ImportVoiceModel"),
        **_named(INTERNAL, "MoveOwner DeleteOwner"),
    },
    "voicebox.catalog.v1.CatalogService": {
        **_named(
            READ,
            "GetProfile ListProfiles DownloadProfileAvatar ExportProfile GetSample ListSamples DownloadSampleAudio "
            "GetReference GetGeneration ListGenerations GetGenerationStatistics ExportGenerations "
            "DownloadGenerationAudio GetTranscription ListTranscriptions DownloadTranscriptionAudio GetRetentionRule "
            "GetLexicon ListLexicons ExportLexicon",
        ),
        **_named(
            MANAGE,
            "CreateProfile UpdateProfile DeleteProfile UndeleteProfile DuplicateProfile SetProfileAvatar "
            "DeleteProfileAvatar ImportProfile UploadSample UpdateSample SegmentSample DeleteSample RecordGeneration "
            "UpdateGeneration DeleteGenerations DeleteGeneration RecordTranscription UpdateTranscription "
            "DeleteTranscription UpdateRetentionRule ApplyRetention CreateLexicon UpdateLexicon DeleteLexicon "
            "ImportLexicon",
        ),
        **_named(INTERNAL, "MoveOwner DeleteOwner"),
    },
    "voicebox.jobs.v1.JobService": {
        **_named(
            READ,
            "GetJob ListJobs WatchJob WatchJobs ListJobItems DownloadResult GetInput ListInputs ValidateInput "
            "DownloadInput",
        ),
        **_named(MANAGE, "CreateJob CancelJob RetryJob DeleteJob UpdateSegment UploadInput DeleteInput"),
        **_named(INTERNAL, "MoveOwner DeleteOwner"),
    },
    "voicebox.models.v1.ModelService": {
        **_named(LIST, "ListModels GetModel ListAdapters"),
        **_named(ADMIN, "LoadModel UnloadModel DownloadModel ImportAdapter ExportAdapter DeleteAdapter"),
    },
    "voicebox.accounts.v1.KeyService": {
        **_named(READ_ANY, "ListKeys GetKey"),
        **_named(ADMIN, "CreateKey RevokeKey RotateKey"),
        **_named(INTERNAL, "FindInvalidKeys"),
    },
    "voicebox.accounts.v1.LimitService": {
        **_named(READ_ANY, "GetLimits"),
        **_named(ADMIN, "UpdateLimits"),
        **_named(INTERNAL, "ReserveWork RenewWork"),
    },
    "voicebox.accounts.v1.UsageService": _named(READ_ANY, "GetUsage") | _named(INTERNAL, "RecordUsage"),
    "voicebox.accounts.v1.DataService": _named(ADMIN, "MoveOwner ExportOwner DeleteOwner"),
    "voicebox.accounts.v1.AuthorizationService": _named(INTERNAL, "Check"),
    "voicebox.compat.openai.v1.OpenAiSpeechService": _named(SPEAK, "CreateSpeech"),
    "voicebox.compat.openai.v1.OpenAiTranscriptionService": _named(HEAR, "CreateTranscription CreateTranslation"),
    "nvidia.riva.tts.RivaSpeechSynthesis": {
        **_named(SPEAK, "Synthesize SynthesizeOnline"),
        **_named(ANY_SPEAK, "GetRivaSynthesisConfig"),
    },
    "nvidia.riva.asr.RivaSpeechRecognition": {
        **_named(HEAR, "Recognize StreamingRecognize"),
        **_named(ANY_HEAR, "GetRivaSpeechRecognitionConfig"),
    },
    "google.cloud.texttospeech.v1.TextToSpeech": _GOOGLE_TTS,
    "google.cloud.texttospeech.v1beta1.TextToSpeech": _GOOGLE_TTS,
    "google.cloud.speech.v1.Speech": _GOOGLE_SPEECH,
    "google.cloud.speech.v1p1beta1.Speech": _GOOGLE_SPEECH,
    "google.cloud.speech.v2.Speech": {
        **_named(HEAR, "Recognize StreamingRecognize BatchRecognize"),
        **_named(ANY_HEAR, _V2_UNSERVED),
    },
    "google.longrunning.Operations": _named(
        HEAR, "ListOperations GetOperation DeleteOperation CancelOperation WaitOperation"
    ),
    "grpc.health.v1.Health": _named(OPEN, "Check List Watch"),
    "grpc.reflection.v1alpha.ServerReflection": _named(OPEN, "ServerReflectionInfo"),
    "grpc.reflection.v1.ServerReflection": _named(OPEN, "ServerReflectionInfo"),
}

METHODS: Mapping[str, Rule] = {
    f"/{service}/{method}": rule for service, methods in SERVICES.items() for method, rule in methods.items()
}

REALTIME = Rule(None, Owners.OWN)
"""A session may speak and recognise: it needs one of the two scopes here, and the one for what it does there."""

WEB_PATHS: tuple[tuple[re.Pattern[str], Rule], ...] = (
    (re.compile("/openapi\\.json|/docs(/.*)?"), OPEN),
    (re.compile("/v1/models(/.*)?|/v1/audio/(voices|models)"), LIST),
    (re.compile("/v1/audio/speech/ws"), SPEAK),
    (re.compile("/v1/(files|batches)(/.*)?"), MANAGE),
    (re.compile("/v1/realtime(/(client_secrets|sessions|transcription_sessions))?"), REALTIME),
)
"""What web serves, without a slash at the end."""


def find_rule(path: str) -> Rule | None:
    """The rule of a gRPC method or of one of web's paths, given without a query; None for any other."""
    rule = METHODS.get(path)
    if rule is not None:
        return rule
    plain = path.rstrip("/")
    return next((rule for pattern, rule in WEB_PATHS if pattern.fullmatch(plain)), None)


def is_method(path: str) -> bool:
    """Whether this is a gRPC method, and not one of web's paths."""
    return path in METHODS


def allows(rule: Rule, scopes: frozenset[str]) -> bool:
    """Whether a caller with these scopes may call; never for internal methods."""
    if rule.is_internal:
        return False
    if rule is REALTIME:
        return bool(scopes & {Scope.SPEAK, Scope.HEAR, Scope.ADMIN})
    return rule.scope is None or rule.scope in scopes or Scope.ADMIN in scopes
