"""The RPC of a profile's reference recording."""

from collections.abc import AsyncIterator, Sequence

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_audio.errors import DecoderUnavailable
from voicebox_audio.pcm import to_s16le
from voicebox_audio.recordings.quality import QualityLimits
from voicebox_kit import principal
from voicebox_kit.errors import InvalidField, NotFound, Precondition, Unavailable

from voicebox_catalog.profiles.reference import GAP_SAMPLES, ReferenceSelection, choose
from voicebox_catalog.samples.recordings import SAMPLE_RATE_HZ, Recordings, Samples
from voicebox_catalog.store.profiles import ProfileStore
from voicebox_catalog.store.tables import Profile, Sample

from . import checks
from .profile_messages import to_settings
from .times import duration_us

PCM_BLOCK_BYTES = 64 * 1024
DEFAULT_SECONDS = 60
MAX_SECONDS = 300


class References:
    """Answers GetReference for the owner that calls. A profile without a consent is refused to everybody with
    `requires_consent`, and to callers who are authenticated in any case.
    """

    def __init__(
        self, store: ProfileStore, recordings: Recordings, limits: QualityLimits, *, requires_consent: bool
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._limits = limits
        self._requires_consent = requires_consent

    async def get(self, request: pb.GetReferenceRequest, owner: str) -> AsyncIterator[pb.GetReferenceResponse]:
        """The header, then the audio unless the caller has it already."""
        max_samples = _max_us(request) * SAMPLE_RATE_HZ // 1_000_000
        profile, samples = await self._store.with_samples(owner, checks.profile_name(request.profile, "profile"))
        if (self._requires_consent or _is_authenticated(owner)) and not profile.consent_statement.strip():
            sentence = (
                f"Nobody says that the speaker of {request.profile!r} agreed: record it with UpdateProfile, field "
                f"consent, or `voicebox profiles update {request.profile.removeprefix('profiles/')} --consent TEXT`."
            )
            raise Precondition("CONSENT_REQUIRED", request.profile, sentence)
        chosen = self._chosen(request.profile, samples, max_samples)
        unchanged = request.known_etag == chosen.etag
        yield pb.GetReferenceResponse(header=_header(profile, chosen, unchanged))
        if not unchanged:
            async for pcm in self._joined(chosen):
                yield pb.GetReferenceResponse(pcm_s16le=pcm)

    def _chosen(self, name: str, samples: Sequence[Sample], max_samples: int) -> ReferenceSelection:
        if not samples:
            raise Precondition("PROFILE_HAS_NO_SAMPLES", name, f"The profile {name!r} has no sample: upload one first.")
        chosen = choose(samples, self._limits, max_samples)
        if chosen is None:
            sentence = (
                f"No sample of the profile {name!r} is good enough to be used: their quality reports say what to do."
            )
            raise Precondition("PROFILE_HAS_NO_USABLE_SAMPLES", name, sentence)
        return chosen

    async def _joined(self, chosen: ReferenceSelection) -> AsyncIterator[bytes]:
        for number, sample in enumerate(chosen.samples):
            if number:
                yield bytes(2 * GAP_SAMPLES)
            pcm = to_s16le(await self._samples_of(sample, chosen.max_samples))
            for begin in range(0, len(pcm), PCM_BLOCK_BYTES):
                yield pcm[begin : begin + PCM_BLOCK_BYTES]

    async def _samples_of(self, sample: Sample, max_samples: int) -> Samples:
        try:
            return await self._recordings.samples(sample.normalized_blob, max_samples)
        except FileNotFoundError as error:  # deleted just now
            raise NotFound("sample", sample.id) from error
        except DecoderUnavailable as error:
            raise Unavailable(error.reason, error.sentence) from error


def _max_us(request: pb.GetReferenceRequest) -> int:
    max_us = duration_us(request.max_duration, "max_duration") or DEFAULT_SECONDS * 1_000_000
    if not 1_000_000 <= max_us <= MAX_SECONDS * 1_000_000:
        raise InvalidField("max_duration", f"max_duration must be 1 to {MAX_SECONDS} s.")
    return max_us


def _header(profile: Profile, chosen: ReferenceSelection, unchanged: bool) -> pb.ReferenceHeader:
    return pb.ReferenceHeader(
        language=profile.language,
        etag=chosen.etag,
        unchanged=unchanged,
        sample_rate_hz=SAMPLE_RATE_HZ,
        transcript=chosen.transcript,
        samples=[f"profiles/{profile.id}/samples/{sample.id}" for sample in chosen.samples],
        default_voice_settings=to_settings(profile),
    )


def _is_authenticated(owner: str) -> bool:
    return owner != principal.LOCAL or principal.current.get() is not None
