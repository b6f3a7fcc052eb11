import pytest
from voicebox_asr.app import open_service
from voicebox_asr.settings import Settings
from voicebox_kit.errors import StartError


def test_defaults() -> None:
    settings = Settings.read({})
    assert (settings.address, settings.engine, settings.device) == ("127.0.0.1:50052", "pocketsphinx", "auto")
    assert (settings.streams, settings.queue) == (2, 16)


@pytest.mark.parametrize("env", [{"ASR_STREAMS": "0"}, {"ASR_ADDRESS": "nowhere"}, {"ASR_DEVICE": "cuda:0"}, {"ASR_ENGINE": "none"}])
async def test_what_cannot_be_is_a_start_error(env: dict[str, str]) -> None:
    with pytest.raises(StartError):
        async with open_service(env):
            pass
