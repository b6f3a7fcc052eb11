"""A catalog with something of everything, all that callers see of it, and its commands."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from voicebox.catalog.v1 import catalog_pb2 as pb

GENERATIONS = 40


async def fill(opened, generation, record, upload, tone):
    """A profile with a sample, and a history; returns what the service answers about them."""
    async with opened() as catalog:
        profile = await catalog.CreateProfile(
            pb.CreateProfileRequest(profile=pb.Profile(display_name="Änn", labels={"a": "b"}))
        )
        await upload(catalog, profile.name, tone(3), transcript="hello")
        entries = [pb.LexiconEntry(written="Änn", alias="Anne"), pb.LexiconEntry(written="GIF", phoneme="dʒɪf")]
        await catalog.CreateLexicon(pb.CreateLexiconRequest(lexicon=pb.Lexicon(entries=entries), lexicon_id="names"))
        for number in range(GENERATIONS):
            await record(catalog, generation(text=f"common word{number}"), *([os.urandom(50_000)] * (number % 3)))
        return await reported(catalog)


async def reported(catalog):
    """Everything that callers see."""
    answers = [await catalog.ListProfiles(pb.ListProfilesRequest())]
    for profile in answers[0].profiles:
        answers.append(await catalog.ListSamples(pb.ListSamplesRequest(parent=profile.name)))
        for sample in answers[-1].samples:
            download = catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=sample.name))
            answers.append(b"".join([answer.body.data async for answer in download]))
    for lexicon in (await catalog.ListLexicons(pb.ListLexiconsRequest())).lexicons:
        answers.append(await catalog.GetLexicon(pb.GetLexiconRequest(name=lexicon.name)))
    for search in ("", "common", "word7"):
        answers.append(await catalog.ListGenerations(pb.ListGenerationsRequest(search=search)))
    for kept in answers[-3].generations:
        if kept.size_bytes:
            download = catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=kept.name))
            answers.append(b"".join([answer.body.data async for answer in download]))
    return answers


# The command takes 2 to 3 s of a core to import: it is imported once, and forked.
_FORKS = """
import json, os, sys
from voicebox_catalog import app
from voicebox_catalog.command import catalog
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        for file, name in enumerate(("out", "err"), 1):
            os.dup2(os.open(os.path.join(asked["folder"], name), os.O_WRONLY | os.O_CREAT), file)
        os.environ.update(asked["env"])
        catalog(asked["arguments"])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Commands:
    """A process that runs commands of the catalog, one after the other."""

    def __enter__(self):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, "-c", _FORKS], stdin=pipe, stdout=pipe)
        return self

    def __exit__(self, *_error):
        with self._process:
            self._process.stdin.close()

    async def run(self, env, *arguments):
        return await asyncio.to_thread(self._run, env, arguments)

    def _run(self, env, arguments):
        with tempfile.TemporaryDirectory() as folder:
            asked = {"env": env, "arguments": arguments, "folder": folder}
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return code, *(Path(folder, name).read_text() for name in ("out", "err"))
