"""The command `voicebox`, verb by verb, against the fakes."""

import json
import stat
import wave
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_client import command, player
from voicebox_client.command import VERBS, main
from voicebox_client.commands import models
from voicebox_kit.errors import Exhausted, InvalidField


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def kept(voicebox, recording):
    """A profile with a sample."""
    result = voicebox(
        "profiles", "create", "Ann", "--id", "ann", "--sample", str(recording), "--transcript", "Some words."
    )
    assert result.exit_code == 0, result.output
    return result


def answered(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result, code=1):
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_each_says_of_itself(verb):
    shown = main.get_command(click.Context(main), verb)
    assert VERBS[verb] == shown.get_short_help_str(100)


def test_say_writes_a_normal_wav_file(voicebox, platform):
    result = voicebox("say", "Hello", "world.")
    assert result.exit_code == 0
    with wave.open("speech.wav") as read:
        assert read.readframes(read.getnframes()) == platform.spoken
    requested = platform.requested["StreamSynthesize"][0]
    assert requested.text == "Hello world."
    assert result.stdout.startswith("Wrote speech.wav: 0.20 s by flite/slt, first audio after ")
    assert result.stdout.endswith(f" ms, stored as generations/{requested.config.request_id}.\n")
    assert result.stderr == "Warning: It was a fake.\n"


def test_say_passes_every_option_on(voicebox, platform, recording):
    options = (
        "-o out.mp3 --rate 22050 --speed 1.5 --pitch -2 --language de-DE --instructions slowly --seed 0 --no-store"
    )
    reference = ("--reference", str(recording), "--reference-transcript", "words")
    assert voicebox("say", "Hallo", *options.split(), *reference).exit_code == 0
    requested = platform.requested["StreamSynthesize"][0]
    assert requested.config.audio == tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_MP3, sample_rate_hz=22050)
    assert requested.config.style == tts_pb2.SpeakingStyle(
        speed=1.5, pitch_semitones=-2, language="de-DE", instructions="slowly"
    )
    assert requested.config.voice.reference == tts_pb2.InlineReference(audio=recording.read_bytes(), transcript="words")
    assert requested.config.HasField("seed")
    assert requested.config.HasField("store")
    assert not requested.config.store


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "opus", "mp3", "aac", "pcm", "raw", "WAV"])
def test_the_ending_of_the_file_chooses_the_encoding(voicebox, platform, ending):
    assert voicebox("say", "Hello", "-o", f"out.{ending}").exit_code == 0
    wanted = {"opus": "ogg", "raw": "pcm"}.get(ending.lower(), ending.lower())
    assert wanted.upper() in tts_pb2.AudioEncoding.Name(platform.requested["StreamSynthesize"][0].config.audio.encoding)
    assert Path(f"out.{ending}").exists()


def test_say_reads_a_file_or_stdin(voicebox, platform):
    Path("text.txt").write_text("Grüße.")
    assert voicebox("say", "-f", "text.txt").exit_code == 0
    assert voicebox("say", "-", stdin="From a pipe.").exit_code == 0
    assert [requested.text for requested in platform.requested["StreamSynthesize"]] == ["Grüße.", "From a pipe."]


def test_say_speaks_text_that_is_still_being_written(voicebox, platform):
    written = "Grüße. " * 1000
    assert voicebox("say", "--live", "-o", "out.wav", stdin=written.encode() + b"\xff").exit_code == 0
    requested = platform.requested["ConverseSynthesize"]
    assert "".join(piece.text for piece in requested) == written + "\ufffd"
    assert len(requested) > 1
    with wave.open("out.wav") as read:
        assert read.readframes(read.getnframes()) == platform.spoken


def test_json_may_come_after_the_verb_but_is_a_word_after_two_dashes(voicebox, platform):
    assert answered(voicebox("voices", "--json"))["voices"]
    assert "Wrote" in voicebox("say", "--", "--json").stdout
    assert platform.requested["StreamSynthesize"][0].text == "--json"


def test_say_to_stdout_is_nothing_but_audio(voicebox, platform):
    result = voicebox("say", "Hello", "-o", "-", "--format", "pcm")
    assert result.stdout_bytes == platform.spoken
    assert "Spoke: 0.20 s by flite/slt" in result.stderr


def test_say_reports_the_profile_that_speaks(voicebox):
    assert "by profiles/ann on flite/slt," in voicebox("say", "Hello", "--profile", "ann").stdout


def test_say_in_json(voicebox, platform):
    answer = answered(voicebox("--json", "say", "Hello"))
    assert answer["output"] == "speech.wav"
    assert answer["firstAudioSeconds"] > 0
    assert answer["started"]["audio"] == {"encoding": "AUDIO_ENCODING_WAV", "sampleRateHz": 16000}
    assert (
        answer["finished"]["generation"] == f"generations/{platform.requested['StreamSynthesize'][0].config.request_id}"
    )


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["say"], "Give a text"),
        (["say", "Hello", "-f", "text.txt"], "Give a text"),
        (["say", "Hello", "--live"], "comes from stdin"),
        (["say", "Hello", "-o", "out.aiff"], "out.aiff: end it with one of"),
        (["say", "Hello", "--voice", "slt", "--profile", "ann"], "Choose one of"),
        (["say", "Hello", "--seed", "-1"], "--seed"),
        (["models", "video"], "'video' is none of"),
        (["models", "load", "flite/2.2"], "tts, asr or conversion"),
        (["models", "tts", "load"], "Name one model"),
        (["models", "tts", "list", "flite/2.2"], "takes no model"),
        (["profiles", "update", "ann"], "Say what to change"),
        (["history", "list", "--limit", "0"], "--limit"),
        (["nothing"], "No such command"),
        (["--timeout", "0", "voices"], "--timeout"),
        (["--server", "http://127.0.0.1:8080", "voices"], "leave out the scheme"),
    ],
)
def test_wrong_usage_ends_with_code_2(voicebox, words, shown):
    assert shown in refused(voicebox(*words), code=2)


def test_an_error_is_one_sentence_with_the_field(voicebox, platform):
    platform.failures["StreamSynthesize"] = [InvalidField("audio.sample_rate_hz", "Choose 8000 to 48000.")]
    assert refused(voicebox("say", "Hello", "--rate", "7")) == "Error: --rate: Choose 8000 to 48000.\n"


def test_a_field_that_the_sentence_names_is_not_named_twice(voicebox, platform):
    platform.failures["StreamSynthesize"] = [InvalidField("text", "The text is too long.")]
    assert refused(voicebox("say", "Hello")) == "Error: The text is too long.\n"


@pytest.mark.parametrize("cut", ["cut", "refused"])
def test_failed_speech_leaves_no_file(voicebox, platform, cut):
    platform.cut_speech = cut == "cut"
    platform.failures["StreamSynthesize"] = [] if cut == "cut" else [Exhausted("STORAGE_FULL", "The disk is full.")]
    assert {"cut": "cut short", "refused": "disk is full"}[cut] in refused(voicebox("say", "Hello"))
    assert not list(Path().glob("speech*"))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["say", "-f", "none.txt"], "none.txt: No such file"),
        (["say", "-f", "latin1.txt"], "latin1.txt is not valid UTF-8 text."),
        (["say", "\udcff"], "not valid UTF-8"),
        (["say", "Hello", "--reference", "none.wav"], "none.wav: No such file"),
        (["say", "Hello", "-o", "none/out.wav"], "No such file"),
        (["say", "Hello", "-o", ".", "--format", "wav"], "Is a directory"),
        (["transcribe", "none.wav"], "none.wav: No such file"),
        (["transcribe", "--live", "latin1.txt"], "needs a 16-bit WAV file"),
        (["profiles", "show", "bob"], "There is no profile 'profiles/bob'."),
        (["history", "show", "bob"], "There is no generation 'generations/bob'."),
    ],
)
def test_what_goes_wrong_is_one_sentence(voicebox, words, shown):
    Path("latin1.txt").write_bytes("Grüße".encode("latin-1"))
    sentence = refused(voicebox(*words))
    assert shown in sentence
    assert sentence.count("\n") == 1


@pytest.mark.parametrize("words", [["voices"], ["say", "Hello"], ["health"], ["history", "list"]])
def test_a_server_that_is_unavailable_is_named(words):
    result = CliRunner().invoke(main, ["--server", "127.0.0.1:1", *words])
    assert refused(result) == "Error: No voicebox answers at 127.0.0.1:1; start one with `make run`.\n"


def test_the_server_may_come_from_the_environment(platform):
    result = CliRunner(env={"VOICEBOX_SERVER": platform.address}).invoke(main, ["voices"])
    assert "flite/slt" in result.stdout


def test_the_timeout_holds_for_work_too(voicebox, platform):
    platform.silent_speech = True
    assert "deadline" in refused(voicebox("--timeout", "0.2", "say", "Hello")).lower()


def test_ctrl_c_is_quiet(voicebox, monkeypatch):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("voicebox_client.client.Client.list_voices", interrupted)
    result = voicebox("voices")
    assert (result.exit_code, result.output) == (130, "")


@pytest.fixture
def speakers(tmp_path, monkeypatch):
    """A machine whose only player is a script that writes its input to a file; yields the file's path."""
    script = tmp_path / "bin" / "aplay"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexec /bin/cat > {tmp_path}/heard\n')
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(script.parent))
    return tmp_path / "heard"


def test_say_plays(voicebox, platform, speakers):
    result = voicebox("say", "Hello", "--play")
    assert speakers.read_bytes() == platform.spoken
    assert "-r 16000" in (speakers.parent / "arguments").read_text()
    assert result.stdout.startswith("Spoke: 0.20 s")
    assert not Path("speech.wav").exists()


def test_say_plays_and_writes(voicebox, platform, speakers):
    assert voicebox("say", "Hello", "--play", "-o", "out.wav").exit_code == 0
    assert speakers.read_bytes() == platform.spoken
    with wave.open("out.wav") as read:
        assert read.readframes(read.getnframes()) == platform.spoken


@pytest.mark.parametrize(
    ("script", "shown"), [("exec /bin/cat >&-", "aplay "), ("/bin/cat > /dev/null; exit 3", "failed with code 3")]
)
def test_a_player_that_fails_is_reported_and_no_file_is_left(voicebox, speakers, script, shown):
    (speakers.parent / "bin" / "aplay").write_text(f"#!/bin/sh\n{script}\n")
    assert shown in refused(voicebox("say", "Hello", "--play", "-o", "out.wav"))
    assert not list(Path().glob("out.wav*"))


def test_a_player_that_ends_too_early_is_reported(tmp_path, monkeypatch):
    (tmp_path / "aplay").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "aplay").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(click.ClickException, match="ended too early, with code 0"),
        player.playing("aplay", 16000) as play,
    ):
        while True:
            play(bytes(4096))


def test_a_machine_without_a_player_is_reported(voicebox, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "No player is installed: install one of" in refused(voicebox("say", "Hello", "--play"))


def test_mp3_cannot_be_played_meanwhile(voicebox, speakers):
    assert "WAV or PCM" in refused(voicebox("say", "Hello", "--play", "-o", "out.mp3"), code=2)


def test_every_player_is_given_the_rate_and_the_format():
    for name, words in player.PLAYERS.items():
        assert words.startswith(name)
        assert "{rate}" in words


def test_a_header_in_pieces_is_left_out(platform):
    heard = []
    samples = player.SamplesOf(heard.append)
    for byte in platform.wav_header + b"sound":
        samples.write(bytes([byte]))
    assert b"".join(heard) == b"sound"


def test_transcribe_prints_the_text(voicebox, platform, recording):
    result = voicebox("transcribe", str(recording), "--language", "en-US")
    assert result.stdout == "hello world\n"
    assert platform.uploaded == recording.read_bytes()
    assert platform.requested["RecognizeUpload"][0].config.language == "en-US"


def test_transcribe_several_files_names_each(voicebox, recording):
    assert voicebox("transcribe", str(recording), str(recording)).stdout == f"{recording}: hello world\n" * 2


def test_transcribe_reads_stdin(voicebox, platform):
    assert voicebox("transcribe", "-", "--rate", "8000", stdin=b"sound").stdout == "hello world\n"
    assert platform.uploaded == b"sound"
    assert platform.requested["RecognizeUpload"][0].config.sample_rate_hz == 8000


def test_transcribe_reports_the_words(voicebox, recording):
    lines = voicebox("transcribe", "--words", str(recording)).stdout.splitlines()
    assert lines == [
        "hello world",
        "START  END   CONFIDENCE  WORD",
        "0.00   0.50  0.90        hello",
        "1.00   1.50  0.90        world",
    ]


def test_transcribe_in_json_is_a_line_per_file(voicebox, recording):
    result = voicebox("--json", "transcribe", str(recording), str(recording))
    for line in result.stdout.splitlines():
        answer = json.loads(line)
        assert (answer["file"], answer["transcript"]) == (str(recording), "hello world")
        assert answer["utterances"][0]["words"][0]["startOffset"] == "0s"


def test_the_file_that_is_no_audio_is_named(voicebox, platform, recording):
    platform.failures["RecognizeUpload"] = [InvalidField("audio", "The audio is empty.")]
    assert (
        refused(voicebox("transcribe", str(recording), str(recording))) == f"Error: {recording}: The audio is empty.\n"
    )


def test_transcribe_live_prints_finals(voicebox, platform, recording):
    result = voicebox("transcribe", "--live", str(recording))
    assert (
        result.stdout
        == "hello world\nSTART  END   CONFIDENCE  WORD\n0.00   0.50  0.90        hello\n1.00   1.50  0.90        "
        "world\n"
    )
    with wave.open(str(recording)) as read:
        assert platform.uploaded == read.readframes(read.getnframes())
    config = platform.requested["StreamingRecognize"][0].config.recognition
    assert (config.sample_rate_hz, config.channel_count) == (16000, 1)


def test_transcribe_live_takes_samples_from_stdin(voicebox, platform):
    result = voicebox("--json", "transcribe", "--live", "-", stdin=bytes(10_000))
    kinds = [next(iter(json.loads(line))) for line in result.stdout.splitlines()]
    assert kinds == ["interim"] * 4 + ["final", "finished"]
    assert platform.uploaded == bytes(10_000)


def test_transcribe_live_that_is_cut_short_fails(voicebox, platform, recording):
    platform.cut_speech = True
    result = voicebox("transcribe", "--live", str(recording))
    assert result.exit_code == 1
    assert "cut short" in result.stderr


def test_profiles_create_adds_the_first_sample(kept, platform, recording):
    assert "profiles/ann" in kept.stdout
    assert platform.profiles["profiles/ann"].sample_count == 1
    assert platform.uploaded == recording.read_bytes()
    assert platform.samples["profiles/ann/samples/s1"].transcript == "Some words."


def test_profiles_create_reports_what_is_bad_about_the_recording(voicebox, platform, recording):
    platform.findings = [("NO_SPEECH", "It contains no speech.")]
    result = voicebox("profiles", "create", "Ann", "--sample", str(recording))
    assert (result.exit_code, result.stderr) == (0, "NO_SPEECH: It contains no speech.\n")
    assert voicebox("--json", "profiles", "create", "Ann", "--sample", str(recording)).stderr == ""


def test_profiles_create_does_all_or_nothing(voicebox, platform, recording):
    platform.failures["ImportProfile"] = [InvalidField("archive", "samples/0001.wav: That is no audio.")]
    assert "That is no audio" in refused(voicebox("profiles", "create", "Ann", "--sample", str(recording)))
    assert platform.profiles == {}


def test_profiles_show_and_list(voicebox, kept):
    shown = dict(line.split(maxsplit=1) for line in voicebox("profiles", "show", "ann").stdout.splitlines())
    assert (shown["display_name"], shown["sample_count"]) == ("Ann", "1")
    header, row = voicebox("profiles", "list").stdout.splitlines()
    assert header.split()[:2] == ["NAME", "DISPLAY"]
    assert row.split() == ["profiles/ann", "Ann", "1"]
    assert header.index("SAMPLES") == row.index("1")


def test_profiles_in_json(voicebox, kept):
    assert answered(voicebox("--json", "profiles", "show", "ann"))["displayName"] == "Ann"
    assert [profile["name"] for profile in answered(voicebox("--json", "profiles", "list"))["profiles"]] == [
        "profiles/ann"
    ]
    assert answered(voicebox("--json", "profiles", "samples", "ann"))["samples"][0]["container"] == "wav"
    assert answered(voicebox("--json", "profiles", "delete", "ann")) == {}


def test_profiles_update(voicebox, platform, kept):
    result = voicebox("profiles", "update", "ann", "--name", "Anne", "--description", "", "--etag", "1")
    assert result.exit_code == 0
    assert platform.profiles["profiles/ann"].display_name == "Anne"
    assert platform.requested["UpdateProfile"][0].profile.etag == "1"


def test_profiles_samples_come_and_go(voicebox, platform, kept, recording):
    assert voicebox("profiles", "add-sample", "ann", str(recording), "--transcript", "More.").exit_code == 0
    assert "profiles/ann/samples/s1" in voicebox("profiles", "samples", "ann").stdout
    assert (
        voicebox("profiles", "delete-sample", "profiles/ann/samples/s1").stdout == "Deleted profiles/ann/samples/s1.\n"
    )
    assert platform.samples == {}
    assert voicebox("profiles", "samples", "ann").stdout == "None.\n"


def test_profiles_delete(voicebox, platform, kept):
    assert voicebox("profiles", "delete", "ann").stdout == "Deleted ann.\n"
    assert platform.profiles == {}


def test_history_list_stops_at_the_limit(voicebox, platform):
    lines = voicebox(
        "history", "list", "--limit", "3", "--search", "words", "--filter", 'engine = "flite"'
    ).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "generations/g0", "generations/g1", "generations/g2"]
    requested = platform.requested["ListGenerations"]
    assert [(request.search, request.filter, request.page_size) for request in requested] == [
        ("words", 'engine = "flite"', 3)
    ] * 2


def test_history_in_json(voicebox):
    generations = answered(voicebox("--json", "history", "list"))["generations"]
    assert len(generations) == 5
    assert generations[1]["createTime"] == "2023-11-14T22:13:21Z"
    assert answered(voicebox("--json", "history", "show", "g1"))["duration"] == "1s"


def test_history_show(voicebox):
    assert "text         The words of number 1.\n" in voicebox("history", "show", "generations/g1").stdout


def test_history_audio(voicebox, platform):
    assert voicebox("history", "audio", "g1", "-o", "g1.wav").stdout == "Wrote g1.wav.\n"
    with wave.open("g1.wav") as read:
        assert read.readframes(read.getnframes()) == platform.spoken
    assert voicebox("history", "audio", "g1", "-o", "-").stdout_bytes == platform.wav_header + platform.spoken


def test_history_delete(voicebox, platform):
    assert voicebox("history", "delete", "g1").stdout == "Deleted g1.\n"
    assert len(platform.generations) == 4


def test_designed_voices_are_files_and_the_next_command_is_reported(voicebox, platform, tmp_path):
    folder = tmp_path / "to choose"
    result = voicebox(
        "design",
        "a calm old man",
        "--text",
        "It's me.",
        "-o",
        str(folder),
        "--count",
        "2",
        "--seed",
        "7",
        "--model",
        "dreams/1",
    )
    assert [path.name for path in sorted(folder.iterdir())] == ["voice-7.flac", "voice-8.flac"]
    assert (
        f"voicebox profiles create NAME --sample '{folder}/voice-7.flac' --transcript 'It'\"'\"'s me.'" in result.stdout
    )
    assert result.stderr.count("Warning: It was a fake.") == 2
    requested = platform.requested["DesignVoice"][0]
    assert (
        requested.description,
        requested.text,
        requested.config.count,
        requested.config.seed,
        requested.config.model,
    ) == (
        "a calm old man",
        "It's me.",
        2,
        7,
        "models/dreams/1",
    )
    voices = answered(voicebox("--json", "design", "a girl", "--text", "Hello.", "--seed", "1", "-o", str(folder)))[
        "voices"
    ]
    assert [set(voice) for voice in voices] == [{"output", "seed", "duration", "model", "warnings"}] * 3


def test_say_names_a_model_and_reports_how_much_was_misrecognised(voicebox, platform, tmp_path):
    result = voicebox("say", "Hello", "-o", str(tmp_path / "a.wav"), "--model", "flite/cmu-us", "--check")
    assert "25 % of the words misheard" in result.stdout
    assert platform.requested["StreamSynthesize"][0].config.model == "models/flite/cmu-us"
    assert "misheard" not in voicebox("say", "Hello", "-o", str(tmp_path / "a.wav")).stdout


def test_voices(voicebox, platform):
    assert voicebox("voices", "--language", "en", "--engine", "flite").stdout.splitlines()[1].split() == [
        "flite/slt",
        "en-US",
        "16000",
        "Hz",
        "speed,",
        "seed",
        "default",
    ]
    assert platform.requested["ListVoices"][0] == tts_pb2.ListVoicesRequest(language="en", engine="flite")
    assert answered(voicebox("--json", "voices"))["voices"][0]["isDefault"]


def test_models_of_both_services_are_listed(voicebox, platform):
    lines = voicebox("models").stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["tts", "models/flite/2.2", "available"],
        ["asr", "models/flite/2.2", "available"],
    ]
    assert platform.hosts == ["tts", "asr"]
    assert list(answered(voicebox("--json", "models", "asr", "list"))) == ["asr"]


def test_the_models_table_reports_memory_and_not_a_hundred_languages(voicebox, platform):
    platform.model = models_pb2.Model(
        name="models/whisper/small", memory_bytes=486_000_000, languages=[f"x{number}" for number in range(99)]
    )
    row = voicebox("models", "asr").stdout.splitlines()[1]
    assert "486 MB" in row
    assert "99 languages" in row
    platform.model.memory_bytes = 3_090_000_000
    assert "3.1 GB" in voicebox("models", "asr").stdout


def test_a_downloads_progress_is_a_bar(monkeypatch, voicebox, platform):
    lines = []
    monkeypatch.setattr(models, "progress", lines.append)
    voicebox("models", "asr", "download", "flite/2.2")
    assert lines == ["models/flite/2.2  [###############...............]  50% of 0 MB"] * 2 + [""]


def test_models_are_loaded_unloaded_and_downloaded(voicebox, platform):
    assert "MODEL_STATE_LOADED" in voicebox("models", "tts", "load", "flite/2.2").stdout
    assert answered(voicebox("--json", "models", "tts", "unload", "flite/2.2"))["state"] == "MODEL_STATE_AVAILABLE"
    assert voicebox("models", "asr", "download", "flite/2.2").stdout == "models/flite/2.2 is available.\n"
    lines = voicebox("--json", "models", "asr", "download", "flite/2.2").stdout.splitlines()
    assert [json.loads(line).get("done", False) for line in lines] == [False, True]
    platform.cut_speech = True
    assert "cut short" in refused(voicebox("models", "asr", "download", "flite/2.2"))


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_health_ends_with_1_unless_all_serve(gateway, status, code):
    states = {"tts": "SERVING", "asr": "UNREACHABLE" if code else "SERVING"}
    address = gateway(status, {"services": states})
    result = CliRunner().invoke(main, ["--server", address, "health"])
    assert result.exit_code == code
    assert dict(line.split() for line in result.stdout.splitlines()[1:]) == states
    result = CliRunner().invoke(main, ["--server", address, "--json", "health"])
    assert (result.exit_code, json.loads(result.stdout)) == (code, {"serving": not code, "services": states})


def test_a_client_without_the_platform_says_so(monkeypatch):
    monkeypatch.setattr(command, "entry_points", lambda **_group: ())
    result = CliRunner().invoke(main, ["serve", "tts"])
    assert "client-only installation" in refused(result)
    assert "serve" in CliRunner().invoke(main, ["--help"]).stdout


class FakeEntryPoint:
    """A package that brings the verb `greet`."""

    name = "greet"
    value = "greeting:greet"
    dist = None

    @staticmethod
    def load():
        return click.command("greet")(lambda: click.echo("Good day."))


def test_other_packages_bring_verbs(monkeypatch):
    monkeypatch.setattr(
        command, "entry_points", lambda group, name="greet": (FakeEntryPoint,) if name == "greet" else ()
    )
    assert CliRunner().invoke(main, ["greet"]).stdout == "Good day.\n"
    assert "From greeting:greet." in CliRunner().invoke(main, ["--help"]).stdout
