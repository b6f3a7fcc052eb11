"""Writes Whisper checkpoints of random weights, as CTranslate2 runs them: the real configuration and ids, and a
tokenizer of our own.

    python tests/support/tiny_whisper.py FOLDER

makes FOLDER/random, which knows languages, and FOLDER/random.en, which knows English only. They write nonsense made of
words, but all that is around the words is real: languages, tasks, timestamps, prompts, alignment. The same sound gives
the same nonsense, another sound gives another.
"""

import itertools
import sys
import tempfile
from pathlib import Path

import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES, bytes_to_unicode

TEXT_TOKENS = 2_000
"""OpenAI's vocabulary has 50,256: then most of the time would go into choosing among them. The id after them is the
empty token, by which CTranslate2 knows a multilingual model.
"""

END, START = "<|endoftext|>", "<|startoftranscript|>"
TASKS = ("<|translate|>", "<|transcribe|>")
OTHERS = ("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
TIMESTAMPS = 1501

WIDTH, LAYERS, HEADS = 32, 4, 2

CERTAINTY = 12.0
"""Logits this many times as far apart as random weights give them: average log probabilities are near 0 then, as with
trained weights.
"""

ATTENTION = 12.0
"""How sharply a token looks at one place of the sound: evenly, all sounds would look alike."""

SOUND = 1.5
"""How much the sound counts for what is written, against the words before."""

POSITION = 1.5
"""How much a token's place counts: without, the text would soon repeat itself."""

RARITY_OF_TIMESTAMPS = 0.7
"""Random weights would write as many timestamps as words."""

LENGTH = 20
"""The end of the text grows likelier with each token, and wins before twice so many of them."""


def tokenizer(*, english: bool) -> Tokenizer:
    """Bytes, then words: "Ġ-" and "Ġ'" are merges, since their first tokens are suppressed at any time."""
    vocabulary = {letter: index for index, letter in enumerate(bytes_to_unicode().values())}
    vocabulary |= {token: len(vocabulary) + index for index, token in enumerate(("Ġ-", "Ġ'"))}
    for letters in itertools.chain.from_iterable(
        itertools.product("etaoinshrdlcum", repeat=size) for size in (2, 3, 4, 5)
    ):
        if len(vocabulary) == TEXT_TOKENS:
            break
        vocabulary["Ġ" + "".join(letters)] = len(vocabulary)
    if not english:
        vocabulary[""] = len(vocabulary)
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ġ", "-"), ("Ġ", "'")]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = (END, START, *(f"<|{language}|>" for language in list(LANGUAGES)[:99]), *TASKS, *OTHERS)
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    made.add_tokens(
        [AddedToken(f"<|{index * 0.02:.2f}|>", special=False, normalized=False) for index in range(TIMESTAMPS)]
    )
    return made


def network(tokens: Tokenizer) -> WhisperForConditionalGeneration:
    """The smallest Whisper, with random weights whose spread gives the output some structure."""
    end, start = (tokens.token_to_id(token) for token in (END, START))
    config = WhisperConfig(
        vocab_size=tokens.get_vocab_size(),
        d_model=WIDTH,
        encoder_layers=1,
        decoder_layers=LAYERS,
        encoder_attention_heads=1,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=2 * WIDTH,
        decoder_ffn_dim=2 * WIDTH,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    made = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        for name, weights in made.named_parameters():
            if weights.dim() > 1 and "positions" not in name:
                weights.normal_(0, weights[0].numel() ** -0.5)
        for layer in made.model.decoder.layers:
            layer.encoder_attn.q_proj.weight *= ATTENTION
            layer.encoder_attn.out_proj.weight *= SOUND
        places = made.model.decoder.embed_positions.weight.normal_(0, POSITION)
        places[:, 0] = torch.arange(len(places)) * (WIDTH**0.5 * POSITION / LENGTH)
        made.model.decoder.layer_norm.weight.fill_(CERTAINTY)
        made.proj_out.weight[-TIMESTAMPS:] *= RARITY_OF_TIMESTAMPS
        made.proj_out.weight[end] = torch.eye(WIDTH)[0]
    return made


def generation(tokens: Tokenizer) -> GenerationConfig:
    """What the converter reads of the model's ids."""
    end, start, blank = (tokens.token_to_id(token) for token in (END, START, "Ġ"))
    return GenerationConfig(
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
        suppress_tokens=[],
        begin_suppress_tokens=[blank, end],
        lang_to_id={f"<|{language}|>": tokens.token_to_id(f"<|{language}|>") for language in list(LANGUAGES)[:99]},
        no_timestamps_token_id=tokens.token_to_id("<|notimestamps|>"),
        alignment_heads=[[LAYERS - 1, head] for head in range(HEADS)],
    )


def write(folder: Path, *, english: bool) -> None:
    """Write the checkpoint into `folder`, which must not be there yet."""
    tokens = tokenizer(english=english)
    made = network(tokens)
    made.generation_config = generation(tokens)
    with tempfile.TemporaryDirectory() as source:
        made.save_pretrained(source)
        PreTrainedTokenizerFast(
            tokenizer_object=tokens, bos_token=END, eos_token=END, unk_token=END, pad_token=END
        ).save_pretrained(source)
        WhisperFeatureExtractor().save_pretrained(source)
        converter = TransformersConverter(source, copy_files=["tokenizer.json", "preprocessor_config.json"])
        folder.parent.mkdir(parents=True, exist_ok=True)
        converter.convert(str(folder), quantization="int8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write(target / "random", english=False)
    write(target / "random.en", english=True)
