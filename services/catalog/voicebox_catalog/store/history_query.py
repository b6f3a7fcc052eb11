"""A query of the history: which rows, in which order."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from voicebox_kit.errors import InvalidField
from voicebox_sql import search

from . import filters
from .filters import Condition, FilterField, Operator

MAX_ORDER = 100


class Order(StrEnum):
    """The orders of a list; the values are their names in `order_by`."""

    NEWEST = "create_time desc"
    OLDEST = "create_time"
    LONGEST = "duration desc"
    SHORTEST = "duration"
    RELEVANCE = "relevance"

    @property
    def descends(self) -> bool:
        """Whether keys descend: rows of the same rank are newest first, too."""
        return self in (Order.NEWEST, Order.LONGEST, Order.RELEVANCE)


@dataclass(frozen=True)
class Query:
    """The rows that meet all conditions and have all terms, in this order."""

    conditions: tuple[Condition, ...] = ()
    terms: tuple[str, ...] = ()
    order: Order = Order.NEWEST
    completed: tuple[str, ...] = ()
    """The words that begin as the last term does, where the store looks for them one by one."""

    @property
    def equalities(self) -> tuple[Condition, ...]:
        """The conditions that tokens of the search index can answer."""
        return tuple(
            each for each in self.conditions if each.operator is Operator.EQUAL and each.field not in filters.ORDERED
        )

    @property
    def by_duration(self) -> bool:
        """Whether durations make the order."""
        return self.order in (Order.LONGEST, Order.SHORTEST)

    @property
    def bounds(self) -> tuple[Condition, ...]:
        """The other ones: of times and durations."""
        return tuple(each for each in self.conditions if each.field in filters.ORDERED)


def parse(fields: Collection[FilterField], filter: str, words: str = "", order_by: str = "") -> Query:
    """The query of a request over these fields. InvalidField names what is wrong."""
    terms = search.terms_of(words)
    return Query(filters.parse(filter, fields), terms, _order(order_by, searching=bool(words.strip())))


def _order(text: str, *, searching: bool) -> Order:
    words = " ".join(text[:MAX_ORDER].split()).removesuffix(" asc") or Order.NEWEST
    try:
        order = Order(words)
    except ValueError:
        raise InvalidField("order_by", f"order_by must be one of: {', '.join(Order)}.") from None
    if order is Order.RELEVANCE and not searching:
        raise InvalidField("order_by", "order_by relevance needs a search.")
    return order
