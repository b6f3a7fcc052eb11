"""What every paged question and its answers have in common."""

from typing import Protocol, TypeVar


class PageRequest(Protocol):
    """A request whose `page_token` says where to go on."""

    page_token: str


class _Paged(Protocol):
    """An answer that says where the next page begins; empty when it is the last."""

    @property
    def next_page_token(self) -> str: ...


Page = TypeVar("Page", bound=_Paged)
