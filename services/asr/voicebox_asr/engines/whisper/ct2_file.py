"""Reads and writes `model.bin`, the file of a model's weights for CTranslate2, and changes single matrices in it.

The format is that of ModelSpec._serialize, version 6 (https://github.com/OpenNMT/CTranslate2), with little-endian
numbers.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import StartError

VERSION = 6
TYPES = ("<f4", "<i1", "<i2", "<i4", "<f2")
"""By their ids in the file."""
SCALE = "_scale"
"""The rows of an int8 matrix were multiplied by those of the variable with this ending."""
MAX_VARIABLES = 100_000
COPY_BYTES = 1 << 22


@dataclass(frozen=True)
class Variable:
    """Where a variable stands in the file."""

    shape: tuple[int, ...]
    type_id: int
    begin: int
    size_bytes: int


class Ct2File:
    """The table of contents of a file; the weights are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        """StartError for a file that is not of this format."""
        self._path = path
        try:
            with path.open("rb") as file:
                self._read(file, path.stat().st_size)
        except (OSError, struct.error, UnicodeDecodeError, ValueError) as error:
            raise StartError(f"{path} is not a model for CTranslate2 that can be read here: {error}.") from error

    @property
    def names(self) -> frozenset[str]:
        """Of all variables."""
        return frozenset(self._variables)

    def is_alias(self, name: str) -> bool:
        """Whether a name stands for another variable."""
        return name in self._aliases

    def shape(self, name: str) -> tuple[int, ...]:
        """StartError for a variable that is not there."""
        return self._find(name).shape

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A variable as float32, without its quantisation. StartError when it is not there."""
        variable = self._find(name)
        values = self._raw(variable).astype(np.float32)
        scale = self._variables.get(self._aliases.get(name, name) + SCALE)
        if variable.type_id == TYPES.index("<i1") and scale:
            values /= self._raw(scale).astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1))
        return values

    def write(self, path: Path, changed: Mapping[str, NDArray[np.float32]]) -> None:
        """A copy with other values for some variables: in float16 where they were, otherwise in float32."""
        kept = {
            name: variable
            for name, variable in self._variables.items()
            if not (name.endswith(SCALE) and name.removesuffix(SCALE) in changed)
        }
        with self._path.open("rb") as source, path.open("wb") as target:
            target.write(struct.pack("<I", VERSION) + _string(self._name))
            target.write(struct.pack("<II", self._revision, len(kept)))
            for name, variable in kept.items():
                if name in changed:
                    _write(target, name, changed[name], variable)
                else:
                    _copy(source, target, name, variable)
            target.write(struct.pack("<I", len(self._aliases)))
            for alias, name in self._aliases.items():
                target.write(_string(alias) + _string(name))

    def _read(self, file: IO[bytes], size: int) -> None:
        version = _number(file, "<I")
        if version != VERSION:
            raise ValueError(f"its version is {version}, not {VERSION}")
        self._name, self._revision = _text(file), _number(file, "<I")
        self._variables = dict(_variable(file, size) for _ in range(_count(file)))
        self._aliases = {_text(file): _text(file) for _ in range(_count(file))}

    def _find(self, name: str) -> Variable:
        found = self._variables.get(self._aliases.get(name, name))
        if found is None:
            raise StartError(f"{self._path} has no weights {name}.")
        return found

    def _raw(self, variable: Variable) -> NDArray[Any]:
        with self._path.open("rb") as file:
            file.seek(variable.begin)
            data = file.read(variable.size_bytes)
        return np.frombuffer(data, TYPES[variable.type_id]).reshape(variable.shape)


def _number(file: IO[bytes], form: str) -> int:
    value: int = struct.unpack(form, file.read(struct.calcsize(form)))[0]
    return value


def _count(file: IO[bytes]) -> int:
    count = _number(file, "<I")
    if count > MAX_VARIABLES:
        raise ValueError("it has too many variables")
    return count


def _text(file: IO[bytes]) -> str:
    return file.read(_number(file, "<H"))[:-1].decode()


def _string(text: str) -> bytes:
    return struct.pack("<H", len(text.encode()) + 1) + text.encode() + b"\0"


def _variable(file: IO[bytes], size: int) -> tuple[str, Variable]:
    name = _text(file)
    shape = tuple(_number(file, "<I") for _ in range(_number(file, "<B")))
    type_id, size_bytes, begin = _number(file, "<B"), _number(file, "<I"), file.tell()
    is_whole = type_id < len(TYPES) and prod(shape) * np.dtype(TYPES[type_id]).itemsize == size_bytes
    if not is_whole or begin + size_bytes > size:
        raise ValueError(f"{name} is cut off, or of a type that is not read here")
    file.seek(size_bytes, 1)
    return name, Variable(shape, type_id, begin, size_bytes)


def _head(name: str, shape: tuple[int, ...], type_id: int, size_bytes: int) -> bytes:
    return _string(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, type_id, size_bytes)


def _write(target: IO[bytes], name: str, values: NDArray[np.float32], variable: Variable) -> None:
    half = TYPES.index("<f2")
    type_id = half if variable.type_id == half else 0
    data = values.astype(TYPES[type_id]).tobytes()
    target.write(_head(name, variable.shape, type_id, len(data)) + data)


def _copy(source: IO[bytes], target: IO[bytes], name: str, variable: Variable) -> None:
    target.write(_head(name, variable.shape, variable.type_id, variable.size_bytes))
    source.seek(variable.begin)
    left = variable.size_bytes
    while left:
        block = source.read(min(left, COPY_BYTES))
        target.write(block)
        left -= len(block)
