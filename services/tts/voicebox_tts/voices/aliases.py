"""Names that stand for voices, as a person set them: for programs that ask for the voices of another server."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from voicebox_kit.errors import StartError

ANY, DEFAULT = "*", "default"


@dataclass(frozen=True)
class VoiceAliases:
    """`targets` are `{engine}/{voice}`, or empty for the default voice, by names in lower case; `*` is any name that no
    voice has.
    """

    targets: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, listed: str, variable: str) -> "VoiceAliases":
        """Of `af_bella=hibari/heart,*=default`; StartError, which names the variable, for anything else."""
        targets = dict[str, str]()
        for entry in filter(None, map(str.strip, listed.split(","))):
            name, equals, target = (part.strip() for part in entry.partition("="))
            engine, slash, voice = target.partition("/")
            if not (name and equals and (target == DEFAULT or (engine and slash and voice))):
                raise StartError(f"{variable} must be like af_bella=hibari/heart,*=default; {entry!r} is not.")
            targets[name.lower()] = "" if target == DEFAULT else target
        return cls(targets)

    def of(self, name: str) -> str | None:
        """What a name stands for; None where it has no alias of its own."""
        return self.targets.get(name.strip().lower()) if name != ANY else None

    @property
    def of_any(self) -> str | None:
        """What a name stands for that no voice has; None for nothing."""
        return self.targets.get(ANY)
