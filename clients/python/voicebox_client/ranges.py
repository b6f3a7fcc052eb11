"""Numbers with bounds as the types of options."""

from dataclasses import dataclass
from typing import Any

import click


@dataclass
class Range(click.ParamType[Any]):
    """A number from `minimum` to `maximum`; None is no bound, and `above` is not part of the range itself."""

    read: click.ParamType[Any]
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    name = "number"

    @property
    def words(self) -> str:
        """As in `1 to 8`, `1 or more`, `more than 0`."""
        if self.above is not None:
            return f"more than {self.above}"
        return f"{self.minimum} or more" if self.maximum is None else f"{self.minimum} to {self.maximum}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. click.BadParameter names the range."""
        number = self.read.convert(value, param, ctx)
        is_in = (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)
        if not is_in or (self.above is not None and not number > self.above):
            self.fail(f"It must be {self.words}, not {value}.", param, ctx)
        return number

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{self.words}]"


def whole(minimum: int, maximum: int | None = None) -> Range:
    """A whole number from `minimum` to `maximum`."""
    return Range(click.INT, minimum, maximum)


def real(minimum: float | None = None, maximum: float | None = None, *, above: float | None = None) -> Range:
    """A number from `minimum` to `maximum`, or above one."""
    return Range(click.FLOAT, minimum, maximum, above)
