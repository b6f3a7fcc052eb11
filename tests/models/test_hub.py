"""Fetching from a hub: all of a commit's files, checked, or none."""

import hashlib
import shutil
import socket
from types import SimpleNamespace

import pytest
from voicebox_kit.errors import Exhausted, NotFound, Precondition, Unavailable
from voicebox_kit.folders import own_folder
from voicebox_models import store
from voicebox_models.hub import TRIES, Hub
from voicebox_models.progress import Progress

PATTERNS = ("model.bin", "config.json", "vocabulary.*", "*.py", "*.pt")


def ignored(progress: Progress) -> None:
    pass


@pytest.fixture
def target(tmp_path):
    return tmp_path / "models" / "whisper" / "tiny"


def fetch(hub, target, report=ignored, **options):
    return hub.fetch("org/model", options.pop("revision", ""), PATTERNS, target, report, **options)


def visible(target):
    return (
        sorted(path.name for path in target.parent.iterdir() if not path.name.startswith("."))
        if target.parent.exists()
        else []
    )


def test_the_files_come_whole_with_a_manifest_that_can_be_checked(hub, fake_hub, target):
    reports: list[Progress] = []
    manifest = fetch(hub, target, reports.append)
    wanted = {name: fake_hub.files[name] for name in ("model.bin", "config.json", "vocabulary.txt")}
    assert {path.name: path.read_bytes() for path in target.iterdir() if path.name != store.MANIFEST} == wanted
    assert (manifest.repository, manifest.revision) == ("org/model", fake_hub.commit)
    assert {file.name: file.sha256 for file in manifest.files} == {
        n: hashlib.sha256(c).hexdigest() for n, c in wanted.items()
    }
    assert store.manifest(target) == manifest
    assert store.verify(target) == []
    total = sum(map(len, wanted.values()))
    assert reports[-1] == Progress(total, total)
    assert [report.bytes_done for report in reports] == sorted(report.bytes_done for report in reports)
    assert visible(target) == ["tiny"]
    assert list(target.parent.glob(".*")) == []


def test_what_runs_code_is_never_fetched_even_when_it_matches(hub, fake_hub, target):
    fetch(hub, target)
    assert not {path for path, _ in fake_hub.requested if path.endswith((".py", ".pt"))}


def test_a_name_that_leads_out_of_the_folder_is_not_fetched(hub, fake_hub, target):
    fake_hub.files |= {"../vocabulary.txt": b"x", "/vocabulary.txt": b"x", ".hidden/config.json": b"x"}
    manifest = hub.fetch("org/model", "", ("*",), target, ignored)
    assert {file.name for file in manifest.files} == {"model.bin", "config.json", "vocabulary.txt"}


def test_files_are_taken_from_the_pinned_commit(hub, fake_hub, target):
    assert fetch(hub, target, revision=fake_hub.commit).revision == fake_hub.commit
    with pytest.raises(NotFound) as refused:
        fetch(hub, target.with_name("other"), revision="f" * 40)
    assert refused.value.reason == "REVISION_NOT_FOUND"


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_a_file_that_is_cut_off_goes_on_where_it_was(hub, fake_hub, target, ignores_ranges):
    fake_hub.ignores_ranges = ignores_ranges
    fake_hub.cuts["model.bin"] = [600_000, 300_000]
    fetch(hub, target)
    starts = [
        int(requested[len("bytes=") : -1]) for path, requested in fake_hub.requested if path.endswith("model.bin")
    ]
    assert (len(starts), starts[0]) == (3, 0)
    assert starts[1] > 0
    assert store.verify(target) == []


def test_files_that_come_from_elsewhere_are_followed_and_gone_on_with_there(hub, fake_hub, target):
    fake_hub.has_network = True
    fake_hub.cuts["model.bin"] = [600_000]
    fetch(hub, target)
    starts = [requested for path, requested in fake_hub.requested if path == "/elsewhere/model.bin"]
    assert (len(starts), starts[1] != "bytes=0-") == (2, True)
    assert store.verify(target) == []


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_a_hub_that_sends_less_than_it_announced_is_given_up(hub, fake_hub, target, ignores_ranges):
    fake_hub.ignores_ranges = ignores_ranges
    fake_hub.sent_instead["model.bin"] = fake_hub.files["model.bin"][:500_000]
    with pytest.raises(Unavailable, match=r"less of model\.bin than it announced"):
        fetch(hub, target)
    assert visible(target) == []


def test_a_folder_that_cannot_be_written_is_reported(hub, tmp_path):
    (tmp_path / "models").write_text("I am a file.")
    with pytest.raises(Unavailable, match="cannot be written") as refused:
        fetch(hub, tmp_path / "models" / "tiny")
    assert refused.value.reason == "STORAGE_UNUSABLE"


def test_a_file_that_is_cut_off_again_and_again_is_given_up_and_gone_on_with_later(hub, fake_hub, target):
    fake_hub.cuts["model.bin"] = [600_000] + [0] * TRIES
    with pytest.raises(Unavailable, match="cannot be reached") as refused:
        fetch(hub, target)
    assert (refused.value.reason, visible(target)) == ("MODEL_HUB_UNREACHABLE", [])
    fake_hub.requested.clear()
    fetch(hub, target)
    (start,) = (requested for path, requested in fake_hub.requested if path.endswith("model.bin"))
    assert start != "bytes=0-"
    assert store.verify(target) == []


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_a_wrong_checksum_is_refused_and_the_file_thrown_away(hub, fake_hub, target, name):
    fake_hub.sent_instead[name] = b"x" * len(fake_hub.files[name])
    with pytest.raises(Unavailable, match=rf"{name} arrived damaged") as refused:
        fetch(hub, target)
    assert (refused.value.reason, visible(target)) == ("MODEL_DAMAGED", [])
    assert not list(target.parent.rglob(name))
    fake_hub.sent_instead.clear()
    fetch(hub, target)
    assert store.verify(target) == []


def test_more_bytes_than_were_announced_are_not_kept(hub, fake_hub, target):
    fake_hub.sent_instead["config.json"] = b"{}" + b" " * 1_000_000
    fetch(hub, target)
    assert (target / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        (404, "RepoNotFound", NotFound, "REPOSITORY_NOT_FOUND"),
        (401, "", Precondition, "MODEL_GATED"),
        (401, "GatedRepo", Precondition, "MODEL_GATED"),
        (403, "GatedRepo", Precondition, "MODEL_GATED"),
        (503, "", Unavailable, "MODEL_HUB_UNREACHABLE"),
        (429, "", Unavailable, "MODEL_HUB_UNREACHABLE"),
    ],
)
def test_what_the_hub_refuses_is_reported(hub, fake_hub, target, status, code, error, reason):
    fake_hub.status, fake_hub.error_code = status, code
    with pytest.raises(error) as refused:
        fetch(hub, target)
    assert refused.value.reason == reason
    assert not target.exists()


def test_a_name_that_is_no_repository_is_not_found(hub, target):
    with pytest.raises(NotFound):
        hub.fetch("no/such/thing", "", PATTERNS, target, ignored)


def test_a_hub_that_is_not_there_is_reported_in_one_sentence(target):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        Unavailable, match=r"^The model hub cannot be reached: the connection failed \(http://127\.0\.0\.1"
    ) as refused:
        fetch(Hub(f"http://127.0.0.1:{port}"), target)
    assert "\n" not in refused.value.sentence


def test_a_hub_that_says_nothing_is_given_up(fake_hub, target):
    fake_hub.silent.clear()
    with pytest.raises(Unavailable, match="does not answer in time"):
        fetch(Hub(fake_hub.endpoint, stall_seconds=0.1, retry_seconds=0.0), target)


def test_what_the_report_raises_ends_the_download_and_the_next_goes_on(hub, fake_hub, target):
    def stop(progress: Progress) -> None:
        if progress.bytes_done > 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(hub, target, stop)
    assert visible(target) == []
    reports: list[Progress] = []
    fetch(hub, target, reports.append)
    assert reports[0].bytes_done > 0
    assert store.verify(target) == []


def test_a_full_disk_is_reported_before_anything_is_fetched(hub, fake_hub, target, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(Exhausted, match="1 MB are free") as refused:
        fetch(hub, target)
    assert refused.value.reason == "STORAGE_FULL"
    assert not [path for path, _ in fake_hub.requested if "resolve" in path]


def test_a_disk_that_fills_up_meanwhile_is_reported(hub, target):
    def full(progress: Progress) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(Exhausted, match="there is no room"):
        fetch(hub, target, full)
    assert not target.exists()


def test_a_repository_without_what_the_engine_needs_is_refused(hub, fake_hub, target):
    with pytest.raises(Precondition, match=r"org/model has no tokenizer\.json") as refused:
        fetch(hub, target, required=("model.bin", "tokenizer.json"))
    assert refused.value.reason == "MODEL_UNSUITABLE"
    with pytest.raises(Precondition, match="no file that this engine uses"):
        hub.fetch("org/model", "", ("*.onnx",), target, ignored)
    assert not target.exists()


def test_a_folder_that_is_there_is_left_alone(hub, target):
    target.mkdir(parents=True)
    (target / "mine.txt").write_text("mine")
    with pytest.raises(Precondition, match="move it away"):
        fetch(hub, target)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]


def test_a_pinned_file_is_fetched_only_as_it_was_pinned(hub, fake_hub, target):
    right = hashlib.sha256(fake_hub.files["model.bin"]).hexdigest()
    with pytest.raises(Precondition, match=r"another model\.bin") as caught:
        fetch(hub, target, pinned={"model.bin": "0" * 64})
    assert caught.value.reason == "MODEL_CHANGED"
    assert visible(target) == []
    fetch(hub, target, pinned={"model.bin": right})
    assert visible(target) == [target.name]


def test_another_process_may_not_fetch_the_same_meanwhile(hub, fake_hub, target):
    staging = target.with_name(f".tiny.{fake_hub.commit[:12]}.part")
    with (
        own_folder(staging, "download of org/model"),
        pytest.raises(Unavailable, match="Another download of org/model runs"),
    ):
        fetch(hub, target)


def test_an_older_commits_leftovers_are_taken_away(hub, target):
    leftover = target.with_name(".tiny.fffffffffff.part")
    leftover.mkdir(parents=True)
    fetch(hub, target)
    assert not leftover.exists()


def test_offline_nothing_is_requested(fake_hub, target):
    with pytest.raises(Precondition, match="VOICEBOX_OFFLINE"):
        fetch(Hub(fake_hub.endpoint, offline=True), target)
    assert fake_hub.requested == []


def test_the_librarys_own_cache_is_found_and_nothing_is_fetched(fake_hub, tmp_path, monkeypatch):
    from huggingface_hub import constants, file_download

    snapshot = tmp_path / "models--org--model" / "snapshots" / fake_hub.commit
    snapshot.mkdir(parents=True)
    (snapshot / "model.bin").write_bytes(b"weights")
    for module in (constants, vars(file_download)["constants"]):
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(tmp_path))
    client = Hub(fake_hub.endpoint)
    assert client.cached("org/model", fake_hub.commit, "model.bin") == snapshot
    assert client.cached("org/model", "f" * 40, "model.bin") is None
    assert client.cached("org/other", fake_hub.commit, "model.bin") is None
    assert fake_hub.requested == []


def test_a_pickle_comes_only_for_a_caller_that_converts_it(hub, fake_hub, target):
    fetch(hub, target, pickles=("weights.pt",))
    assert visible(target) == ["tiny"]
    assert (target / "weights.pt").read_bytes() == fake_hub.files["weights.pt"]
    assert not (target / "evil.py").exists()
