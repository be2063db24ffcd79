"""Tables that pandas wrote into HDF5 (`DataFrame.to_hdf`), in its formats "fixed" and "table".

pandas keeps the names of a "table"'s columns as pickles. They are never unpickled: `pickletools` lists the operations
of a pickle without running them, and only those of a list of texts are accepted.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats import safe_hdf5
from ainu.localizations.formats.raw import need_rows

TABLE = "table"
OF_A_LIST = frozenset(
    ("PROTO", "FRAME", "MARK", "LIST", "EMPTY_LIST", "APPEND", "APPENDS", "STOP", "MEMOIZE", "PUT", "BINPUT")
)
"""Operations of a pickle that build a list; all others but texts are refused."""
TEXTS = frozenset(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"))


def is_pandas(group: Any) -> bool:
    """Whether an object of an HDF5 file is a table of pandas."""
    return isinstance(group, h5py.Group) and "pandas_type" in group.attrs


def columns(path: str | Path, group: h5py.Group, wanted: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """The columns of numbers of a table.

    Parameters
    ----------
    path : path
        The file, for messages.
    group : h5py.Group
        The table.
    wanted : sequence of str, optional
        Names to read; None reads all.

    Returns
    -------
    dict of str to (n,) array
        By the name of the column.

    Raises
    ------
    AinuError
        The table has another layout than pandas writes, or no rows.
    """
    blocks = _of_table(path, group) if TABLE in group else _of_fixed(path, group)
    found = {name: values for names, block in blocks for name, values in zip(names, block.T, strict=True)}
    need_rows(len(next(iter(found.values()), ())), path)
    return {name: np.ascontiguousarray(values) for name, values in found.items() if wanted is None or name in wanted}


def _of_fixed(path: str | Path, group: h5py.Group) -> list[tuple[list[str], NDArray[Any]]]:
    """Names and (n, k) values of the blocks, each a dataset of its own."""
    numbers = sorted(int(match.group(1)) for name in group if (match := re.fullmatch(r"block(\d+)_values", name)))
    blocks = []
    for number in numbers:
        values = safe_hdf5.own(path, group, f"block{number}_values")
        items = safe_hdf5.own(path, group, f"block{number}_items")
        if isinstance(values, h5py.Dataset) and isinstance(items, h5py.Dataset) and values.dtype.kind in "iufb":
            names = [_text(name) for name in np.asarray(items[()]).ravel().tolist()]
            blocks.append((names, _shaped(path, np.asarray(values[()]), len(names))))
    return blocks or _refused(path)


def _of_table(path: str | Path, group: h5py.Group) -> list[tuple[list[str], NDArray[Any]]]:
    """Names and (n, k) values of the blocks, which are fields of one compound dataset."""
    dataset = safe_hdf5.own(path, group, TABLE)
    if not isinstance(dataset, h5py.Dataset) or not dataset.dtype.names or dataset.ndim != 1:
        _refused(path)
    rows = dataset[()]
    blocks = []
    for field in dataset.dtype.names:
        if f"{field}_kind" in dataset.attrs and rows[field].dtype.kind in "iufb":
            names = _listed(path, dataset.attrs, f"{field}_kind", field)
            blocks.append((names, _shaped(path, rows[field], len(names))))
    return blocks or _refused(path)


def _shaped(path: str | Path, values: NDArray[Any], width: int) -> NDArray[Any]:
    values = values.reshape(len(values), -1)
    return values if values.shape[1] == width else _refused(path)


def _listed(path: str | Path, attributes: Mapping[str, Any], name: str, field: str) -> list[str]:
    """The texts in a pickled list, without running the pickle; a data column is a block by itself."""
    pickled = bytes(np.asarray(attributes[name]).item() or b"") if np.asarray(attributes[name]).size == 1 else b""
    if pickled in (b"integer", b"float"):
        return [field]
    texts = []
    try:
        for operation, argument, _ in pickletools.genops(pickled):
            if operation.name in TEXTS:
                texts.append(str(argument))
            elif operation.name not in OF_A_LIST:
                _refused(path)
    except (ValueError, TypeError, UnicodeError, IndexError):
        _refused(path)
    return texts


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _refused(path: str | Path) -> Any:
    raise AinuError(
        f"{path}: a table of pandas (DataFrame.to_hdf) with a layout that is not read; write it as CSV "
        "(DataFrame.to_csv) or Parquet instead"
    )
