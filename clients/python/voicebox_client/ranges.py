"""Numbers with bounds as the types of options."""

from dataclasses import dataclass
from typing import Any

import click


@dataclass
class Range(click.ParamType[Any]):
    """A number from `least` to `most`; None is no bound, and `above` is not part of the range itself."""

    read: click.ParamType[Any]
    least: float | None = None
    most: float | None = None
    above: float | None = None
    name = "number"

    @property
    def words(self) -> str:
        """As in `1 to 8`, `1 or more`, `more than 0`."""
        if self.above is not None:
            return f"more than {self.above}"
        return f"{self.least} or more" if self.most is None else f"{self.least} to {self.most}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. click.BadParameter names the range."""
        number = self.read.convert(value, param, ctx)
        is_in = (self.least is None or number >= self.least) and (self.most is None or number <= self.most)
        if not is_in or (self.above is not None and not number > self.above):
            self.fail(f"It must be {self.words}, not {value}.", param, ctx)
        return number

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{self.words}]"


def whole(least: int, most: int | None = None) -> Range:
    """A whole number from `least` to `most`."""
    return Range(click.INT, least, most)


def real(least: float | None = None, most: float | None = None, *, above: float | None = None) -> Range:
    """A number from `least` to `most`, or above one."""
    return Range(click.FLOAT, least, most, above)
