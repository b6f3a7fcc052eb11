"""One stream in a voice of kNN-VC."""

import torch
from voicebox_kit.errors import InvalidField, Precondition

from voicebox_conversion.engine import Options, Samples
from voicebox_conversion.engines.speech.encoder import FRAME_SAMPLES, RATE_HZ
from voicebox_conversion.engines.speech.windows import FILE, LIVE, Window, WindowedSession

from .loaded import LoadedKnnVc
from .matching import matched
from .voice import KnnVcVoice


class KnnVcSession(WindowedSession):
    """As voicebox_conversion.engine.Session. From a `strength` of 0.5 on every frame is one of the target's."""

    def __init__(self, shared: LoadedKnnVc, voice: KnnVcVoice, options: Options) -> None:
        super().__init__(self._converted, LIVE if options.is_live else FILE, RATE_HZ)
        if voice.frames.shape[1] != shared.speech.config.hidden:
            sentence = f"The voice has frames of {voice.frames.shape[1]} numbers, not {shared.speech.config.hidden}."
            raise Precondition("VOICE_OF_ANOTHER_ENCODER", "config.target", sentence)
        if options.pitch_semitones:
            sentence = "A voice of knnvc keeps its own pitch."
            raise InvalidField("config.pitch_semitones", sentence, "UNSUPPORTED_BY_ENGINE")
        self._shared, self._voice, self._share = shared, voice, min(2 * options.strength, 1.0)

    def begin(self, preview: Samples) -> None:
        """Nothing has to be known of the speaker."""

    @torch.inference_mode()
    def _converted(self, window: Window) -> Samples:
        """As voicebox_conversion.engines.speech.windows.Convert."""
        with self._shared.lock:
            features = matched(self._shared.features(window.samples), self._voice.frames, self._share)
            spoken: Samples = self._shared.vocoder(features[None])[0].cpu().numpy()
        return spoken[window.begin * FRAME_SAMPLES : window.end * FRAME_SAMPLES].copy()
