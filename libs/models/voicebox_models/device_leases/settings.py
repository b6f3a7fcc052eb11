"""The variables by which services and jobs of one machine share its devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables

from .folder import DeviceLeases


@dataclass(frozen=True)
class Sharing:
    """Which devices are shared, and by which folder."""

    folder: Path
    cpu: bool = False

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Sharing":
        """VOICEBOX_DEVICE_LEASES: a folder; VOICEBOX_LEASE_CPU: whether the processor is shared as a device."""
        default = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "devices"
        folder = Path(variables.text(env, "VOICEBOX_DEVICE_LEASES", str(default))).absolute()
        return cls(folder, variables.boolean(env, "VOICEBOX_LEASE_CPU", False))

    def leases(self, device: str) -> DeviceLeases | None:
        """Those of a device; None for one that is not shared."""
        if device == "cpu" and not self.cpu:
            return None
        return DeviceLeases(self.folder, "cuda:0" if device == "cuda" else device)
