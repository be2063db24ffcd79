"""Numbers of a MATLAB v5 file (`save -v6` or `-v7`), without the objects beside them.

Written anew from MathWorks' description of the level 5 MAT-file, since scipy's reader ends the process on some damaged
files. An element is a tag (type, bytes) and its data; a matrix holds further elements; a compressed element holds one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError

MAGIC = b"MATLAB 5.0 MAT-file"
HEADER_BYTES = 128
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15
STRUCT = 2
NUMERIC = range(6, 16)
COMPLEX = 0x08
BEST_COMPRESSION = 200
"""Compressed numbers are seldom a tenth of their size; zlib itself could go to a thousandth."""


@dataclass(frozen=True)
class Element:
    """A piece of the file.

    Attributes
    ----------
    kind : int
        Its type.
    data : memoryview
        Its bytes.
    order : str
        Byte order of the numbers in it, "<" or ">".
    """

    kind: int
    data: memoryview
    order: str

    def numbers(self) -> NDArray[np.generic]:
        """The numbers of an element of a plain type.

        Returns
        -------
        (n,) array

        Raises
        ------
        AinuError
            It is of another type.
        """
        if self.kind not in TYPES:
            raise AinuError(f"MATLAB data of type {self.kind}, expected numbers")
        return np.frombuffer(self.data, self.order + TYPES[self.kind])

    def parts(self) -> Iterator[Element]:
        """The elements inside."""
        return _elements(self.data, self.order, padded=True)


def read_struct(path: str | Path, variable: str, field: str) -> dict[str, Element]:
    """The fields of a struct that is a field of a variable.

    Parameters
    ----------
    path : path
        A MATLAB v5 file.
    variable, field : str
        `variable.field` is the struct.

    Returns
    -------
    dict of str to Element
        By the name of the field.

    Raises
    ------
    AinuError
        No such variable or field, a truncated element, or one that cannot be as large as it claims.
    """
    for name, matrix in _matrices(path):
        if name == variable:
            fields = _fields(matrix)
            if field not in fields:
                raise AinuError(f"has no {field!r} in {variable!r}; it holds: {', '.join(fields)}")
            return _fields(fields[field])
    raise AinuError(f"has no variable {variable!r}")


def read_variables(path: str | Path) -> dict[str, NDArray[np.generic] | dict[str, NDArray[np.generic]]]:
    """The variables of a file that hold real numbers, in their shapes.

    Parameters
    ----------
    path : path
        A MATLAB v5 file.

    Returns
    -------
    dict of str to (...) array, or to dict of str to (...) array
        By the name of the variable; of a single struct, its fields of numbers.

    Raises
    ------
    AinuError
        A truncated element, or one that cannot be as large as it claims.
    """
    found: dict[str, NDArray[np.generic] | dict[str, NDArray[np.generic]]] = {}
    for name, matrix in _matrices(path):
        if _class_of(matrix) == STRUCT:
            found[name] = {field: _shaped(own) for field, own in _fields(matrix).items() if _is_real(own)}
        elif _is_real(matrix):
            found[name] = _shaped(matrix)
    return found


def _matrices(path: str | Path) -> Iterator[tuple[str, Element]]:
    """Name and matrix of each variable."""
    data = memoryview(Path(path).read_bytes())
    order = "<" if bytes(data[126:128]) == b"IM" else ">"
    for element in _elements(data[HEADER_BYTES:], order, padded=False):
        matrix = _unpacked(element) if element.kind == COMPRESSED else element
        if matrix.kind == MATRIX:
            yield _name(matrix), matrix


def _class_of(element: Element) -> int:
    try:
        return int(_matrix(element)[0]) & 0xFF
    except AinuError:
        return 0


def _is_real(element: Element) -> bool:
    """Whether an element is a matrix of real numbers."""
    try:
        flags, _, _, *data = _matrix(element)
    except AinuError:
        return False
    return (flags & 0xFF) in NUMERIC and not (flags >> 8) & COMPLEX and len(data) == 1 and data[0].kind in TYPES


def _shaped(element: Element) -> NDArray[np.generic]:
    """The numbers of a matrix in its shape (MATLAB stores columns one after the other)."""
    _, shape, _, *data = _matrix(element)
    numbers, wanted = data[0].numbers(), tuple(int(size) for size in shape)
    if min(wanted, default=-1) < 0 or int(np.prod(wanted, dtype=np.float64)) != len(numbers):
        raise AinuError(f"a MATLAB matrix of shape {wanted} with {len(numbers)} numbers")
    return numbers.reshape(wanted, order="F")


def values(element: Element) -> NDArray[np.generic]:
    """The numbers of a real numeric matrix, in one row.

    Parameters
    ----------
    element : Element
        The matrix.

    Returns
    -------
    (n,) array

    Raises
    ------
    AinuError
        It is something else than a matrix of real numbers.
    """
    flags, _, _, *data = _matrix(element)
    if (flags & 0xFF) not in NUMERIC or (flags >> 8) & COMPLEX or len(data) != 1:
        raise AinuError(f"a MATLAB array of class {flags & 0xFF}, expected real numbers")
    return data[0].numbers()


def _matrix(element: Element) -> tuple:
    """Flags, dimensions, name and the further elements of a matrix."""
    parts = list(element.parts()) if element.kind == MATRIX else []
    if len(parts) < 3:
        raise AinuError("a MATLAB matrix without flags, dimensions and name")
    flags = parts[0].numbers()
    return int(flags[0]) if len(flags) else 0, parts[1].numbers(), bytes(parts[2].data).decode("latin-1"), *parts[3:]


def _name(element: Element) -> str:
    try:
        return _matrix(element)[2]
    except AinuError:
        return ""


def _fields(element: Element) -> dict[str, Element]:
    flags, _, _, *parts = _matrix(element)
    if flags & 0xFF != STRUCT or len(parts) < 2 or not len(width := parts[0].numbers()):
        raise AinuError("a MATLAB array, expected a struct")
    step, text = max(int(width[0]), 1), bytes(parts[1].data)
    names = [text[at : at + step].split(b"\0")[0].decode("latin-1") for at in range(0, len(text), step)]
    if len(names) != len(parts) - 2:
        raise AinuError(
            f"a MATLAB struct with {len(names)} names and {len(parts) - 2} values, expected a single struct"
        )
    return dict(zip(names, parts[2:], strict=True))


def _elements(data: memoryview, order: str, *, padded: bool) -> Iterator[Element]:
    at = 0
    while at + 8 <= len(data):
        first, size = struct.unpack(f"{order}II", data[at : at + 8])
        if first >> 16:  # a small element: type and size share four bytes, the data are the other four
            kind, size, start, step = first & 0xFFFF, first >> 16, at + 4, 8
        else:
            kind, start, step = first, at + 8, 8 + size + (-size % 8 if padded else 0)
        if start + size > len(data) or (first >> 16 and size > 4):
            raise AinuError(f"truncated: an element of {size} bytes where {len(data) - start} are left")
        yield Element(kind, data[start : start + size], order)
        at += step


def _unpacked(element: Element) -> Element:
    """The element that a compressed one holds."""
    engine = zlib.decompressobj()
    most = BEST_COMPRESSION * len(element.data) + 4096
    data = engine.decompress(element.data, most)
    if engine.unconsumed_tail:
        raise AinuError(f"{len(element.data)} bytes unpack to more than {most}; no localizations do that")
    inside = next(_elements(memoryview(data), element.order, padded=True), None)
    return Element(0, memoryview(b""), element.order) if inside is None else inside
