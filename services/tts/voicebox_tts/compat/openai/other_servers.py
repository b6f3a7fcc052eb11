"""Voices that programs ask for because other servers have them: OpenAI's default speaker is not the default of every
server.

Such a name says only that the program was last pointed elsewhere: it takes a voice of ours, and the answer says so. A
name that is none of these is taken for a voice or profile of ours, and is an error where there is none.
"""

import re

_FORMS = (
    r"[a-z][fm]_[a-z0-9]+([+(][a-z0-9_+().]*)?",  # Kokoro: af_heart, and mixtures such as af_bella(2)+af_sky
    r"[a-z]{2,3}[-_][a-z]{2}[-_]\w[\w-]*",  # Azure, Edge, Google, Piper: en-US-AriaNeural, en_US-lessac-medium
    r"aura(-2)?-[a-z]+-[a-z]{2}",  # Deepgram
    r"[\w .-]+\.(wav|mp3|flac|ogg|onnx|pt|pth|bin|json|safetensors)",  # AllTalk, Chatterbox, LocalAI
    r"[a-z]+-playai",  # Groq
    r"expr-voice-\d-[fm]",  # Kitten TTS
    r"[a-z0-9]{20}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # ElevenLabs, Cartesia
    r"en-(default|us|br|au|india|newest)|s[12]|\d{1,4}",  # MeloTTS, Dia, VOICEVOX
    r"default|auto|none|null|random|male|female|man|woman|narrator",
    r"(voice|speaker|male|female|v2/[a-z]{2}_speaker)[ _-]?\d+",
)
_NAMES = (
    # Qwen3-TTS
    "vivian serena uncle_fu dylan eric ryan aiden ono_anna sohee cherry ethan chelsie jennifer "
    # Orpheus
    "tara leah jess leo dan mia zac zoe autumn diana hannah austin daniel troy "
    # ElevenLabs
    "rachel adam antoni bella elli josh arnold sam domi george sarah aria roger laura charlie callum "
    "liam charlotte alice matilda will "
    "jessica chris brian lily bill "
    # Polly
    "joanna matthew amy emma kendra kimberly salli joey justin ivy danielle ruth stephen "
    # Gemini
    "zephyr puck charon kore fenrir leda orus aoede callirrhoe autonoe enceladus iapetus umbriel algieba "
    "despina erinome algenib "
    "rasalgethi laomedeia achernar alnilam schedar gacrux pulcherrima achird zubenelgenubi vindemiatrix "
    "sadachbia sadaltager sulafat "
    # Pocket TTS, Kitten TTS, XTTS
    "alba marius javert jean fantine cosette eponine azelma jasper luna bruno rosie hugo kiki "
    "claribel_dervla daisy_studious ana_florence aaron_dreschner damien_black"
).split()

VOICES = re.compile("|".join((*_FORMS, *_NAMES)), re.IGNORECASE | re.ASCII)


def is_other_servers(voice: str) -> bool:
    """Whether a voice of that name is another server's."""
    return VOICES.fullmatch(voice.strip().replace(" ", "_")) is not None or VOICES.fullmatch(voice.strip()) is not None
