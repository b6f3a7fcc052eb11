"""The hub's own library: imported when it is needed, and its errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from voicebox_kit.errors import NotFound, Precondition, Unavailable

FORBIDDING = (401, 403)


def library(name: str) -> Any:
    """The hub's library, or a part of it; importing it takes 0.3 s, which only those who fetch should pay."""
    try:
        return import_module(name)
    except ImportError as error:
        raise Unavailable(
            "MODEL_HUB_MISSING", "Models cannot be fetched: huggingface_hub is not installed.", 3600.0
        ) from error


@contextmanager
def explained(repository: str, url: str) -> Iterator[None]:
    """Turns what the library and the network raise into our errors."""
    errors, requests = library("huggingface_hub.errors"), library("requests")
    try:
        yield
    except errors.GatedRepoError as error:
        sentence = (
            f"{repository} is given only to those who accepted its terms: accept them at the hub, and set HF_TOKEN."
        )
        raise Precondition("MODEL_GATED", repository, sentence) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise NotFound("repository", repository) from error
    except (errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise NotFound("revision", repository) from error
    except errors.OfflineModeIsEnabled as error:
        raise offline("HF_HUB_OFFLINE") from error
    except requests.exceptions.RequestException as error:
        if error.response is not None and error.response.status_code in FORBIDDING:
            sentence = (
                f"The hub does not give {repository} away (it answers {error.response.status_code}): is HF_TOKEN right?"
            )
            raise Precondition("MODEL_GATED", repository, sentence) from error
        raise Unavailable(
            "MODEL_HUB_UNREACHABLE", f"The model hub cannot be reached: {_reason(error)} ({url}).", 60.0
        ) from error


def offline(variable: str) -> Precondition:
    """Why nothing is fetched: a variable forbids it."""
    return Precondition("OFFLINE", variable, f"Nothing is fetched, because {variable} is set.")


def _reason(error: Any) -> str:
    """A network error in a few words; the library's own sentence runs over several lines."""
    if error.response is not None:
        return f"it answers {error.response.status_code}"
    name = type(error).__name__
    return "it does not answer in time" if "Timeout" in name else "the connection failed"
