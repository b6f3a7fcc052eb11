"""Imports the package qwen-tts without torchaudio and sox, which only its 25 Hz tokenizer needs: no released model has
that one.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

ABSENT = ("torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi", "sox")


def stand_in() -> None:
    """Put empty modules where the package imports what is not here; to be called before it is imported."""
    for name in ABSENT:
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        module.__path__ = []
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
