"""Which device an engine runs on."""

from voicebox_kit.errors import StartError


def cpu_only(engine: str, device: str) -> str:
    """`cpu`, for an engine that knows no other; StartError when the person named another."""
    if device not in ("auto", "cpu"):
        raise StartError(f"{engine} runs on cpu, there is no device {device!r} for it.")
    return "cpu"
