"""Reads environment variables, each into its type, with one sentence when it does not fit."""

from collections.abc import Mapping, Sequence

from .errors import StartError

Environment = Mapping[str, str]


def text(env: Environment, name: str, default: str) -> str:
    """The variable, or its default when it is unset or empty."""
    return env.get(name) or default


def integer(env: Environment, name: str, default: int, minimum: int, maximum: int) -> int:
    """A whole number from `minimum` to `maximum`."""
    return int(_number(env, name, default, minimum, maximum, whole=True))


def seconds(env: Environment, name: str, default: float, minimum: float = 0.0, maximum: float = 86_400.0) -> float:
    """A number of seconds from `minimum` to `maximum`."""
    return _number(env, name, default, minimum, maximum, whole=False)


def boolean(env: Environment, name: str, default: bool) -> bool:
    """1, true, yes, on or 0, false, no, off."""
    value = env.get(name, "").strip().lower()
    if not value:
        return default
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise StartError(f"{name} must be 1 or 0, not {env[name]!r}.")


def choice(env: Environment, name: str, choices: Sequence[str]) -> str:
    """One of the choices, the first when it is unset or empty."""
    value = text(env, name, choices[0])
    if value not in choices:
        raise StartError(f"{name} must be {' or '.join(choices)}, not {value!r}.")
    return value


def address(env: Environment, name: str, default: str) -> str:
    """`host:port`, with a port from 0 (any free one) to 65535."""
    return _checked_address(name, text(env, name, default), default)


def peer(env: Environment, name: str, default: str) -> str:
    """Where another service is: `host:port`, or several with commas between them, one for each replica."""
    each = text(env, name, default).split(",")
    return ",".join(_checked_address(name, address.strip(), default) for address in each)


def _checked_address(name: str, value: str, default: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise StartError(f"{name} must be host:port, such as {default}, not {value!r}.")
    return value


def _number(env: Environment, name: str, default: float, minimum: float, maximum: float, *, whole: bool) -> float:
    value = text(env, name, str(default))
    try:
        number = float(int(value)) if whole else float(value)
    except ValueError:
        number = float("nan")
    if not minimum <= number <= maximum:
        raise StartError(
            f"{name} must be a {'whole ' if whole else ''}number from {minimum:g} to {maximum:g}, not {value!r}."
        )
    return number
