"""A profile from a real voice, speech in its likeness, and what is recognised of both. Run by `make demo`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from voicebox_client import Client, VoiceboxClientError
from voicebox_client.word_errors import word_error_rate

from bench.launch import PlatformFailed, platform

OUT = Path("out")
TEXT = (
    "The quick brown fox jumps over the lazy dog. Every morning the old man walks to the harbour and looks at the "
    "ships."
)
SAMPLE = Path(__file__).parent / "ann.wav"  # from LJ Speech, public domain: see tests/data/speech/README.md
TRANSCRIPT = "Printing, then, for our purpose, may be considered as the art of making books by means of movable types."


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with TemporaryDirectory() as data, platform(Path(data)) as running, Client(running.gateway) as client:
        print(f"The platform serves at {running.gateway}; it took {running.start_seconds:.1f} s.")
        profile = client.create_profile("Demo", "demo", consent_statement="A recording in the public domain.")
        client.add_sample(profile.name, SAMPLE, TRANSCRIPT)
        print(f"Created {profile.name} from {SAMPLE.name}.")
        speak(client, profile.name)
        listen(client, OUT / "demo.wav", TEXT)
        listen(client, SAMPLE, TRANSCRIPT)
        print("History:")
        for generation in client.list_generations():
            print(
                f"  {generation.name}  {generation.voice}  {generation.profile or '-'}  "
                f"{generation.duration.ToMilliseconds() / 1000:.1f} s"
            )


def speak(client: Client, profile: str) -> None:
    finished = client.say(TEXT, profile=profile, check=True).save(OUT / "demo.wav")
    print(
        f"Spoke {finished.duration.ToMilliseconds() / 1000:.1f} s in that voice's likeness to {OUT / 'demo.wav'}; ",
        end="",
    )
    print(f"first audio after {finished.time_to_first_chunk.ToMicroseconds() / 1000:.0f} ms.")
    checked = f"{finished.word_error_rate:.2f}" if finished.HasField("word_error_rate") else "unknown"
    print(f"The platform checked what it spoke: word error rate {checked}.")
    for warning in finished.warnings:
        print(f"Warning: {warning}")


def listen(client: Client, path: Path, text: str) -> None:
    answer = client.transcribe(path)
    rate = word_error_rate(text, answer.transcript)
    print(f"{answer.model} heard in {path.name} (word error rate {rate:.2f}): {answer.transcript}")


if __name__ == "__main__":
    try:
        main()
    except (PlatformFailed, VoiceboxClientError, OSError) as error:
        sys.exit(f"demo: {error}")
