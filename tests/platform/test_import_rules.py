"""The import rules of `.importlinter` hold, and each of them notices a violation."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [*ROOT.glob("libs/*/voicebox_*"), *ROOT.glob("services/*/voicebox_*")]
PACKAGES += [ROOT / "gateway" / "voicebox_gateway", ROOT / "clients" / "python" / "voicebox_client"]

VIOLATIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "services": (("voicebox_tts.text.sentences", "voicebox_asr.results.word_boundaries"),),
    "libraries": (("voicebox_kit.drain", "voicebox_models.store"), ("voicebox_audio.pcm", "voicebox_kit.errors")),
    "kit": (("voicebox_kit.drain", "numpy"),),
    "audio": (("voicebox_audio.levels", "grpc"),),
    "audio-rooms": (("voicebox_audio.formats.wav", "voicebox_audio.decoding.limits"),),
    "client": (("voicebox_client.pages", "voicebox_kit.errors"),),
    "tts": (
        ("voicebox_tts.synthesis.utterance", "voicebox_tts.api.servicer"),
        ("voicebox_tts.normalization.signs", "voicebox_tts.text.sentences"),
    ),
    "asr": (
        ("voicebox_asr.results.repetition", "voicebox_asr.api.servicer"),
        ("voicebox_asr.records.record", "voicebox_asr.peers.catalog"),
        ("voicebox_asr.segmentation.windows", "voicebox_asr.live.agreement"),
    ),
    "conversion": (
        ("voicebox_conversion.voices.resolver", "voicebox_conversion.api.messages"),
        ("voicebox_conversion.job", "voicebox_conversion.store.sweep"),
    ),
    "catalog": (("voicebox_sql.keys", "voicebox_catalog.samples.rows"),),
    "jobs": (
        ("voicebox_jobs.store.events", "voicebox_jobs.job_type"),
        ("voicebox_jobs.types.batch", "voicebox_jobs.running.runner"),
    ),
    "accounts": (("voicebox_accounts.keys.secrets", "voicebox_accounts.access.table"),),
    "core": (
        ("voicebox_asr.documents.subtitles", "grpc"),
        ("voicebox_asr.records.recorder", "voicebox.catalog.v1.catalog_pb2"),
        ("voicebox_asr.job", "voicebox.asr.v1.asr_pb2"),
        ("voicebox_tts.voices.registry", "voicebox.tts.v1.tts_pb2"),
        ("voicebox_conversion.conversion.converter", "voicebox.conversion.v1.conversion_pb2"),
        ("voicebox_sql.paging", "grpc"),
    ),
    "adapters": (
        ("voicebox_tts.compat.openai.servicer", "voicebox_tts.synthesis.synthesizer"),
        ("voicebox_asr.compat.openai.servicer", "voicebox_asr.recognition.recognizer"),
        ("voicebox_asr.compat.riva.stream", "voicebox_asr.live.stream"),
    ),
    "engines": (
        ("voicebox_tts.voices.registry", "voicebox_tts.engines.flite.engine"),
        ("voicebox_conversion.conversion.converter", "voicebox_conversion.engines.world.engine"),
    ),
    "gateway": (
        ("voicebox_gateway.openai.realtime", "voicebox_gateway.web.routes"),
        ("voicebox_gateway.wyoming.session", "voicebox_gateway.envoy.config"),
        ("voicebox_gateway.docs.page", "voicebox_gateway.openai.models"),
    ),
    "model-libraries": (
        ("voicebox_asr.recognition.recognizer", "torch"),
        ("voicebox_conversion.voices.resolver", "pyworld"),
    ),
    "sql": (("voicebox_catalog.api.checks", "sqlalchemy"), ("voicebox_conversion.conversion.source", "sqlmodel")),
    "codec-models": (
        ("voicebox_tts.engines.codec_models.session", "voicebox_tts.engines.qwen3.engine"),
        ("voicebox_tts.engines.orpheus.engine", "voicebox_tts.engines.qwen3.speakers"),
    ),
    "orpheus": (("voicebox_tts.engines.orpheus.snac.codec", "voicebox_tts.engines.orpheus.model.checkpoint"),),
    "qwen3": (
        ("voicebox_tts.engines.qwen3.model.talker", "voicebox_tts.engines.qwen3.codec.decoder"),
        ("voicebox_tts.engines.qwen3.codec.layers", "voicebox_tts.engines.qwen3.frame_generator"),
    ),
}
"""By contract: a module, and what it must not import."""


def test_every_rule_has_a_violation_here() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    assert {name.rpartition(":")[2] for name in rules.sections() if ":contract:" in name} == set(VIOLATIONS)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the house in which every violation was planted."""
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for planted in VIOLATIONS.values():
        for importer, imported in planted:
            file = folder.joinpath(*importer.split(".")).with_suffix(".py")
            file.write_text(f"{file.read_text()}\nimport {imported}\n")
    command = [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / ".importlinter", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "1000"}
    linted = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    return linted.stdout


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_a_planted_violation_breaks_its_rule(report: str, rule: str) -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    name = rules[f"importlinter:contract:{rule}"]["name"]
    broken = report.partition("Broken contracts")[2]
    section = re.split(r"\n.+\n-{5,}\n", broken.partition(f"{name}\n")[2])[0]
    assert section, report
    for importer, imported in VIOLATIONS[rule]:
        assert re.search(rf"{re.escape(importer)} -> {re.escape(imported)}\b", section), section
