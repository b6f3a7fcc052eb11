"""OpenAI's lists: `limit` objects after the one that `after` names.

https://platform.openai.com/docs/api-reference/files/list
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from voicebox_kit.errors import InvalidField

PAGE = 1000
MAX_LIMIT, USUAL_LIMIT = 100, 20
MAX_PAGES = 100

Found = Mapping[str, Any]
Page = Callable[[str], Awaitable[tuple[list[Found], str]]]
"""Gives the objects of the page with this token, and the token of the next one; empty for the first and the last."""


async def answer(request: Request, page: Page) -> JSONResponse:
    """The list that a request asks for. InvalidField for a limit that is none, for another order, and where nothing is
    called `after`.
    """
    if request.query_params.get("order", "desc") != "desc":
        raise InvalidField("order", "order can only be desc, the newest first.")
    limit, after = _limit(request.query_params.get("limit", "")), request.query_params.get("after", "")
    found: list[Found] = []
    is_behind, token = not after, ""
    for _ in range(MAX_PAGES):
        objects, token = await page(token)
        for each in objects:
            if is_behind:
                found.append(each)
            is_behind = is_behind or each["id"] == after
        if len(found) > limit or not token:
            break
    if not is_behind:
        raise InvalidField("after", f"There is no {after[:100]!r} in this list.", "NOT_FOUND")
    shown = found[:limit]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return JSONResponse({"object": "list", "data": shown, **ends, "has_more": len(found) > limit})


def _limit(given: str) -> int:
    if not given:
        return USUAL_LIMIT
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:9]) <= 10_000:
        raise InvalidField("limit", "limit must be a number from 1 to 10000.")
    return min(MAX_LIMIT, int(given))
