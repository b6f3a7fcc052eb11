"""Voice prompts by the hash of what they are made of: from the disk, from the store that replicas share, or
computed.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from enum import StrEnum
from typing import ParamSpec, TypeVar

from voicebox_tts.engine import CloningEngine, Reference, VoicePrompt

from .file import content_key, from_bytes, to_bytes
from .folder import PromptFolder
from .shared import SharedPrompts

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Origin(StrEnum):
    """Where a prompt came from."""

    MEMORY = "memory"
    DISK = "disk"
    SHARED = "shared"
    COMPUTED = "computed"


class PromptStore:
    """The prompts of all engines and models. A damaged file is removed, and its prompt computed again."""

    def __init__(self, folder: PromptFolder, shared: SharedPrompts | None, executor: Executor) -> None:
        self._folder, self._shared, self._executor = folder, shared, executor

    async def prompt(self, engine: CloningEngine, reference: Reference) -> tuple[VoicePrompt, Origin]:
        """The engine's prompt of a reference, and where it came from. Raises what `engine.prompt` raises."""
        key = await self._in_thread(content_key, engine.model, reference)
        if prompt := await self._in_thread(self._from_folder, engine, key):
            return prompt, Origin.DISK
        if prompt := await self._from_shared(engine, key):
            return prompt, Origin.SHARED
        computed, data = await self._in_thread(self._compute, engine, key, reference)
        if self._shared:
            self._shared.write(key, data)
        return computed, Origin.COMPUTED

    def _from_folder(self, engine: CloningEngine, key: str) -> VoicePrompt | None:
        data = self._folder.read(key)
        if data is None:
            return None
        prompt = _unpacked(engine, key, data, "on disk")
        if prompt is None:
            self._folder.remove(key)
        return prompt

    async def _from_shared(self, engine: CloningEngine, key: str) -> VoicePrompt | None:
        data = await self._shared.read(key) if self._shared else None
        if data is None:
            return None
        prompt = await self._in_thread(_unpacked, engine, key, data, "in the shared store")
        if prompt is not None:
            await self._in_thread(self._folder.write, key, data)
        return prompt

    def _compute(self, engine: CloningEngine, key: str, reference: Reference) -> tuple[VoicePrompt, bytes]:
        """Computed and stored in one step: if the caller leaves meanwhile, the next one finds it on disk."""
        prompt = engine.prompt(reference)
        data = to_bytes(key, engine.pack(prompt))
        self._folder.write(key, data)
        return prompt, data

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: function(*arguments, **named))


def _unpacked(engine: CloningEngine, key: str, data: bytes, where: str) -> VoicePrompt | None:
    try:
        return engine.unpack(from_bytes(key, data))
    except ValueError as error:
        log.warning("a voice prompt %s is unusable and is computed again: %s", where, error)
        return None
