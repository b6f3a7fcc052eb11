"""The client and the command, against the service itself."""

import asyncio
import io
from pathlib import Path

import soundfile
from click.testing import CliRunner, Result
from voicebox_audio.pcm import to_s16le
from voicebox_client import AsyncClient, Client
from voicebox_client.command import main

from .conftest import Service, tone

RATE = 16_000


def command(service: Service, *words: str) -> Result:
    return CliRunner().invoke(main, ["--server", service.address, *words])


async def test_a_voice_is_imported_used_and_exported(service: Service, archive: bytes, tmp_path: Path) -> None:
    speech, voice = tmp_path / "talk.wav", tmp_path / "reader.voicebox-voice"
    soundfile.write(speech, tone(1.0, rate=RATE), RATE)
    voice.write_bytes(archive)

    def used() -> None:
        with Client(service.address) as client:
            assert client.import_voice_model(voice, "reader").name == "voiceModels/reader"
            assert [each.name for each in client.list_voice_models()] == ["voiceModels/reader"]
            made = b"".join(event.audio.data for event in client.convert(speech, "reader", encoding="flac"))
            assert soundfile.info(io.BytesIO(made)).format == "FLAC"
            blocks = [to_s16le(tone(0.1, rate=RATE))] * 5
            live = b"".join(event.audio for event in client.convert_live(blocks, "reader", RATE, pitch_semitones=2.0))
            assert len(live) == sum(map(len, blocks))
            assert client.get_voice_model("reader").usage.conversions == 2
            (tmp_path / "again").write_bytes(b"".join(client.export_voice_model("reader")))
            client.delete_voice_model("reader")
            assert client.import_voice_model(tmp_path / "again").name == "voiceModels/the-reader"

    await asyncio.to_thread(used)


async def test_the_async_client_does_the_same(service: Service, archive: bytes) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone(1.0, rate=RATE), RATE, format="WAV")
    async with AsyncClient(service.address) as client:
        stored = await client.import_voice_model(archive, "reader")
        events = [event async for event in client.convert(file.getvalue(), "profiles/ann", strength=0.0)]
        assert len(b"".join(event.audio.data for event in events)) == 44 + 2 * 24_000

        async def blocks():
            yield to_s16le(tone(0.5, rate=RATE))

        live = [event.audio async for event in client.convert_live(blocks(), "reader", RATE)]
        assert len(b"".join(live)) == RATE
        assert [each.name async for each in client.list_voice_models()] == [stored.name]
        assert b"".join([piece async for piece in client.export_voice_model("reader")])[:2] == b"PK"
        await client.delete_voice_model("reader")


async def test_the_command_converts(service: Service, archive: bytes, tmp_path: Path) -> None:
    speech, voice, out = tmp_path / "talk.wav", tmp_path / "reader.voicebox-voice", tmp_path / "out.wav"
    soundfile.write(speech, tone(1.0, rate=RATE), RATE)
    voice.write_bytes(archive)

    def used() -> None:
        for words in (
            ("voice-models", "import", str(voice)),
            ("voice-models", "list"),
            ("voice-models", "show", "the-reader"),
            ("convert", "--to", "the-reader", str(speech), "-o", str(out), "--rate", "16000"),
            ("voice-models", "export", "the-reader", "-o", str(tmp_path / "again.voicebox-voice")),
            ("voice-models", "delete", "the-reader"),
        ):
            done = command(service, *words)
            assert done.exit_code == 0, done.output
        samples, rate = soundfile.read(out)
        assert (len(samples), rate) == (RATE, RATE)
        missing = command(service, "convert", "--to", "nobody", str(speech), "-o", str(tmp_path / "no.wav"))
        assert missing.exit_code == 1
        assert "nobody" in missing.output
        assert not (tmp_path / "no.wav").exists()
        assert command(service, "convert", "--to", "x", str(speech), "-o", "out.xyz").exit_code == 2

    await asyncio.to_thread(used)
