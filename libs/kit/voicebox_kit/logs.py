"""Structured logs: lines for people, or JSON for machines, each with its request id; JSON has one for each call."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from . import call_log, request_id
from .errors import StartError

CHATTY = ("alembic", "uvicorn")
"""Loggers of libraries that are set to WARNING, unless LOG_LEVEL is DEBUG."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, what `call_log` says of a call, and the
    traceback where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.current.get(),
            **getattr(record, call_log.DETAILS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in line.items() if value != ""}, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """`12:00:00.000 INFO voicebox_tts.app message [request id]`."""

    def format(self, record: logging.LogRecord) -> str:
        identity = request_id.current.get()
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = f"{time} {record.levelname} {record.name} {record.getMessage()}{f' [{identity}]' if identity else ''}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(env: Mapping[str, str]) -> None:
    """Log to standard error: LOG_LEVEL (default INFO), LOG_FORMAT (text or json, default text)."""
    level = env.get("LOG_LEVEL", "INFO").upper()
    formatters = {"text": TextFormatter, "json": JsonFormatter}
    form = env.get("LOG_FORMAT", "text")
    if level not in logging.getLevelNamesMapping():
        raise StartError(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {level!r}.")
    if form not in formatters:
        raise StartError(f"LOG_FORMAT must be text or json, not {form!r}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatters[form]())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "DEBUG" else logging.WARNING)
    logging.getLogger(call_log.LOGGER).setLevel(logging.NOTSET if has_calls(env) else logging.WARNING)


def has_calls(env: Mapping[str, str]) -> bool:
    """Whether the log has a line for each call: people do not read them."""
    return env.get("LOG_FORMAT") == "json" or env.get("LOG_LEVEL", "").upper() == "DEBUG"
