"""What only Whisper can do: its words are nonsense, since its weights are random; what is asked of it is real."""

import pytest
from voicebox.compat.riva import riva_asr_pb2, riva_asr_pb2_grpc
from voicebox_asr.app import open_service


@pytest.fixture
async def stub(start, whisper_models):
    variables = {"ASR_ENGINE": "whisper", "ASR_MODEL": "whisper/random", "ASR_MORE_ENGINES": "pocketsphinx"}
    running = await start(open_service, VOICEBOX_MODELS=str(whisper_models.parent), **variables)
    return riva_asr_pb2_grpc.RivaSpeechRecognitionStub(running.channel)


@pytest.mark.parametrize(
    "requested",
    [
        {},
        {"language_code": "de-DE"},
        {"language_code": "multi"},
        {"speech_contexts": [{"phrases": ["Aachen", "Bonn"], "boost": 20}], "language_code": "de"},
        {"custom_configuration": {"task": "translate"}, "enable_automatic_punctuation": True},
        {"model": "pocketsphinx/en-us"},
        {"model": "whisper/random.en", "language_code": "en-US"},
    ],
)
async def test_it_is_taken(stub, speech_data, requested):
    audio = speech_data.path("LJ001-0002.wav").read_bytes()
    config = riva_asr_pb2.RecognitionConfig(**requested)
    answer = await stub.Recognize(riva_asr_pb2.RecognizeRequest(config=config, audio=audio), timeout=60)
    assert answer.results
    assert all(result.alternatives[0].language_code for result in answer.results)


async def test_every_model_is_listed_with_each_of_its_languages(stub):
    answer = await stub.GetRivaSpeechRecognitionConfig(riva_asr_pb2.RivaSpeechRecognitionConfigRequest())
    languages = {}
    for config in answer.model_config:
        languages.setdefault(config.model_name, set()).add(config.parameters["language_code"])
    assert {"whisper/random", "whisper/random.en", "pocketsphinx/en-us"} <= languages.keys()
    assert {"en", "de", "ja"} <= languages["whisper/random"]
    assert len(languages["whisper/random.en"]) == 1
