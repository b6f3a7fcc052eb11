"""The released models' dimensions, to measure their speed with random weights, see LanguageModel.random."""

from dataclasses import replace

from voicebox_tts.engines.codec_models.config import SamplingParams, TransformerConfig

from .codec.config import CodecConfig, DecoderConfig, EncoderConfig
from .model.config import CodecTokens, Kind, ModelConfig, SpeakerConfig, TextTokens

_PREDICTOR = TransformerConfig(
    hidden_size=1024,
    intermediate_size=3072,
    num_hidden_layers=5,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=128,
    rope_theta=1_000_000.0,
    rms_norm_eps=1e-6,
)
_TALKERS = {
    "0.6B": replace(_PREDICTOR, num_hidden_layers=28),
    "1.7B": replace(_PREDICTOR, num_hidden_layers=28, hidden_size=2048, intermediate_size=6144),
}
_SIZES = {"0.6B": "0b6", "1.7B": "1b7"}


def released(size: str, kind: Kind) -> ModelConfig:
    """The configuration of a model of `size`, "0.6B" or "1.7B", with one language and, of a custom-voice model, one
    speaker.
    """
    return ModelConfig(
        kind=kind,
        size=_SIZES[size],
        num_code_groups=16,
        codebook_size=2048,
        vocab_size=3072,
        text_vocab_size=151_936,
        text_hidden_size=2048,
        talker=_TALKERS[size],
        code_predictor=_PREDICTOR,
        text_tokens=TextTokens(im_start=151_644, im_end=151_645, tts_pad=151_671, tts_bos=151_672, tts_eos=151_673),
        codec_tokens=CodecTokens(
            pad=2148, bos=2149, eos=2150, think=2154, nothink=2155, think_bos=2156, think_eos=2157
        ),
        languages={"english": 2050},
        speakers={"vivian": SpeakerConfig(3065, "")} if kind is Kind.CUSTOM_VOICE else {},
        sampling=SamplingParams(repetition_penalty=1.05),
        subtalker_sampling=SamplingParams(),
        max_new_tokens=2048,
        speaker_encoder_config={"enc_dim": _TALKERS[size].hidden_size} if kind is Kind.BASE else {},
    )


def released_codec() -> CodecConfig:
    """The codec's, which all models share."""
    decoding = TransformerConfig(
        hidden_size=512,
        intermediate_size=1024,
        num_hidden_layers=8,
        num_attention_heads=16,
        num_key_value_heads=16,
        head_dim=64,
        rope_theta=10_000.0,
        rms_norm_eps=1e-5,
    )
    decoder = DecoderConfig(
        num_quantizers=16,
        codebook_size=2048,
        codebook_dim=512,
        latent_dim=1024,
        transformer=decoding,
        sliding_window=72,
        upsampling_ratios=(2, 2),
        decoder_dim=1536,
        upsample_rates=(8, 5, 4, 3),
    )
    encoder = EncoderConfig(
        num_quantizers=16,
        codebook_size=2048,
        codebook_dim=256,
        num_filters=64,
        downsampling_ratios=(4, 5, 6, 8),
        kernel_size=7,
        last_kernel_size=3,
        residual_kernel_size=3,
        num_residual_layers=1,
        dilation_growth_rate=2,
        compress=2,
        transformer=replace(decoding, intermediate_size=2048, num_attention_heads=8, num_key_value_heads=8),
    )
    return CodecConfig(decoder, encoder)
