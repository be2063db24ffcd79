"""HDF5 files of other programs: only what is in the file itself is read, and no more than it can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.localizations.formats.raw import need_rows

MAGIC = b"\x89HDF\r\n\x1a\n"
BEST_COMPRESSION = 2000
"""No HDF5 filter makes numbers smaller than by this; a dataset that claims it would fill the memory with nothing."""


def has(path: str | Path, *names: str) -> bool:
    """Whether a file is HDF5 with anything under each of these names."""
    with h5py.File(path, "r") as file:
        return all(_link(file, name) is not None for name in names)


def own(path: str | Path, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """The group or dataset of a name (`a/b/c`) in the file itself.

    Parameters
    ----------
    path : path
        The file, for messages.
    group : h5py.Group
        Where to look, such as the open file.
    name : str
        With `/` between groups.

    Returns
    -------
    h5py.Group or h5py.Dataset
        No link, and no larger than the file can hold.

    Raises
    ------
    AinuError
        It, or a group on the way, is missing or a link; or it is a dataset kept in other files, or larger than the
        file can hold.
    """
    for part in name.split("/"):
        group = _own_child(path, group, part)
    return group


def _own_child(path: str | Path, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
    if link is None:
        held = list(group)[:20] if isinstance(group, h5py.Group) else []
        raise AinuError(f"{path}: has no {name!r} in {group.name!r}; it holds: {', '.join(held) or 'nothing'}")
    if not isinstance(link, h5py.HardLink):
        raise AinuError(f"{path}: {name!r} is a link to another place ({type(link).__name__}), not followed")
    found = group[name]
    if isinstance(found, h5py.Dataset):
        _check_size(path, found, name)
    return found


def _check_size(path: str | Path, dataset: h5py.Dataset, name: str) -> None:
    if dataset.external or dataset.is_virtual:
        raise AinuError(f"{path}: {name!r} keeps its rows in other files, not followed")
    if dataset.shape is not None and dataset.nbytes > BEST_COMPRESSION * Path(path).stat().st_size:
        raise AinuError(f"{path}: {name!r} claims {dataset.nbytes} bytes, more than the file can hold")


def _link(group: h5py.Group, name: str) -> Any:
    first, _, rest = name.partition("/")
    link = group.get(first, getlink=True)
    if not rest or not isinstance(link, h5py.HardLink) or not isinstance(group[first], h5py.Group):
        return link
    return _link(group[first], rest)


def own_table(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """A 1-D dataset with named columns at the top of a file.

    Parameters
    ----------
    path : Path
        The file, for messages.
    file : h5py.File
        The same, open.
    name : str
        Of the dataset.

    Returns
    -------
    h5py.Dataset
        With at least one row.

    Raises
    ------
    AinuError
        It is missing, a link, kept in other files, no table, empty, or larger than the file can hold.
    """
    dataset = own(path, file, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1 or not dataset.dtype.names:
        raise AinuError(f"{path}: {name!r} is not a table (1-D, with named columns)")
    need_rows(dataset.size, path)
    return dataset


def numbers(path: str | Path, group: h5py.Group, name: str) -> NDArray[Any] | None:
    """The numbers of a dataset.

    Parameters
    ----------
    path : path
        The file, for messages.
    group : h5py.Group
        Where to look.
    name : str
        With `/` between groups.

    Returns
    -------
    (...) array, optional
        None for a dataset without values.

    Raises
    ------
    AinuError
        As for `own`; or it is no dataset of numbers.
    """
    dataset = own(path, group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iufb":
        raise AinuError(f"{path}: {name!r} holds no numbers")
    return None if not dataset.shape else np.asarray(dataset[()])


def number_of(attributes: h5py.AttributeManager, name: str, default: float = 0.0) -> float:
    """A number among attributes, or the default where there is none of that name.

    Parameters
    ----------
    attributes : h5py.AttributeManager
        Of a group or dataset.
    name : str
        Of the attribute.
    default : float
        Where there is none of that name, or it is not one number.

    Returns
    -------
    float
    """
    value = np.asarray(attributes.get(name, default))
    return float(value) if value.size == 1 and value.dtype.kind in "iufb" else default
