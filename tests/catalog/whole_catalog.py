"""A catalog with something of everything, all that callers see of it, and its commands."""

import asyncio
import os
import sys

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


async def command(env, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from voicebox_catalog.command import catalog; catalog()",
        *arguments,
        env=os.environ | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
