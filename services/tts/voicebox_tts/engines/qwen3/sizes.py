"""The released models' dimensions, to measure their speed with random weights, see LanguageModel.random."""

from dataclasses import replace

from .codec.config import CodecConfig, DecoderConfig, EncoderConfig
from .model.config import CodeControls, Config, Kind, Sampling, Speaker, Stack, TextControls

_PREDICTOR = Stack(
    width=1024,
    inner_width=3072,
    layers=5,
    heads=16,
    key_value_heads=8,
    head_size=128,
    rope_theta=1_000_000.0,
    norm_epsilon=1e-6,
)
_TALKERS = {
    "0.6B": replace(_PREDICTOR, layers=28),
    "1.7B": replace(_PREDICTOR, layers=28, width=2048, inner_width=6144),
}
_SIZES = {"0.6B": "0b6", "1.7B": "1b7"}


def released(size: str, kind: Kind) -> Config:
    """The configuration of a model of `size`, "0.6B" or "1.7B", with one language and, of a custom-voice model, one
    speaker.
    """
    return Config(
        kind=kind,
        size=_SIZES[size],
        groups=16,
        codes=2048,
        vocabulary=3072,
        text_vocabulary=151_936,
        text_width=2048,
        talker=_TALKERS[size],
        predictor=_PREDICTOR,
        text=TextControls(message_start=151_644, message_end=151_645, pad=151_671, begin=151_672, end=151_673),
        control=CodeControls(
            pad=2148, begin=2149, end=2150, think=2154, no_think=2155, think_begin=2156, think_end=2157
        ),
        languages={"english": 2050},
        speakers={"vivian": Speaker(3065, "")} if kind is Kind.CUSTOM_VOICE else {},
        choosing=Sampling(repetition_penalty=1.05),
        predicting=Sampling(),
        most_frames=2048,
        speaker_encoder={"enc_dim": _TALKERS[size].width} if kind is Kind.BASE else {},
    )


def released_codec() -> CodecConfig:
    """The codec's, which all models share."""
    decoding = Stack(
        width=512,
        inner_width=1024,
        layers=8,
        heads=16,
        key_value_heads=16,
        head_size=64,
        rope_theta=10_000.0,
        norm_epsilon=1e-5,
    )
    decoder = DecoderConfig(
        groups=16,
        codes=2048,
        code_width=512,
        latent_width=1024,
        transformer=decoding,
        window=72,
        ratios=(2, 2),
        width=1536,
        rates=(8, 5, 4, 3),
    )
    encoder = EncoderConfig(
        groups=16,
        codes=2048,
        code_width=256,
        filters=64,
        rates=(4, 5, 6, 8),
        kernel=7,
        last_kernel=3,
        residual_kernel=3,
        residuals=1,
        dilation_growth=2,
        compress=2,
        transformer=replace(decoding, inner_width=2048, heads=8, key_value_heads=8),
    )
    return CodecConfig(decoder, encoder)
