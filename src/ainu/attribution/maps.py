"""Files of attribution maps, with the completeness error of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.hdf5 import new_file, open_file, write_array
from ainu.images.dataset import Dataset

DETAIL = "detail"
"""Group of the attribution of single localizations by the detail view."""


@dataclass(frozen=True)
class DetailAttribution:
    """Attribution of the localizations of a nucleus by a method.

    Attributes
    ----------
    values : (n,) float32
        In the order of the dataset's localizations. They add up to what the detail view adds to the decision, if the
        method is complete.
    error : float, optional
        Distance of their sum from that, over the sum of absolute values; None for other methods.
    """

    values: NDArray[np.float32]
    error: float | None


def write_maps(
    path: str | Path,
    dataset: Dataset,
    maps: Mapping[str, NDArray[np.float32]],
    errors: Mapping[str, float | None],
    details: Mapping[str, Mapping[str, DetailAttribution]] | None = None,
) -> None:
    """Write `/{method}` (N, C, ...) per method and `/nucleus`.

    Parameters
    ----------
    path : path
        Of the HDF5 file.
    dataset : Dataset
        Gives the names of the nuclei, the channels and the edge of a voxel.
    maps : mapping of method to (N, C, ...) float32
        In the order of the dataset.
    errors : mapping of method to float, optional
        Completeness error, for methods whose values have to add up to the decision.
    details : mapping of nucleus to mapping of method to DetailAttribution, optional
        `/detail/nucleus`, `/detail/start` and `/detail/{method}`: the localizations of the nuclei that were explained,
        one nucleus after the other, in the order of the dataset.
    """
    with new_file(path) as file:
        for method, values in maps.items():
            write_array(file, method, values)
            if errors.get(method) is not None:
                file[method].attrs["completeness_error"] = errors[method]
        if details:
            _write_details(file.create_group(DETAIL), details)
        write_array(file, "nucleus", dataset.nucleus)
        file.attrs.update(channels=list(dataset.channels), voxel_size_nm=dataset.voxel_size_nm, methods=list(maps))


def _write_details(group: h5py.Group, details: Mapping[str, Mapping[str, DetailAttribution]]) -> None:
    methods = list(next(iter(details.values())))
    counts = [len(own[methods[0]].values) for own in details.values()]
    write_array(group, "nucleus", np.array(list(details), dtype=object))
    write_array(group, "start", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
    for method in methods:
        write_array(group, method, np.concatenate([own[method].values for own in details.values()]))
        errors = [own[method].error for own in details.values()]
        known = [error for error in errors if error is not None]
        if known:
            group[method].attrs["completeness_error"] = float(np.median(known))


@dataclass(frozen=True)
class Detail:
    """Attribution of single localizations by a method.

    Attributes
    ----------
    method : str
    values : dict of str to (n,) float32
        By nucleus, in the order of the dataset's localizations.
    """

    method: str
    values: dict[str, NDArray[np.float32]]


def read_details(path: str | Path, method: str | None = None) -> Detail | None:
    """The attribution of single localizations by the detail view.

    Parameters
    ----------
    path : path
        The file of maps.
    method : str, optional
        Which one; by default, and where it is not there, the first.

    Returns
    -------
    Detail, optional
        None where no detail was explained.
    """
    with open_file(path) as file:
        if DETAIL not in file:
            return None
        group = file[DETAIL]
        names, start = group["nucleus"].asstr()[()].tolist(), group["start"][()]
        known = [name for name in group if name not in ("nucleus", "start")]
        chosen = str(method if method in known else known[0])
        values = group[chosen][()]
    return Detail(chosen, {name: values[start[k] : start[k + 1]] for k, name in enumerate(names)})


def methods_in(path: str | Path) -> list[str]:
    """The methods of a file of maps, in the order of the config."""
    with open_file(path) as file:
        return [str(name) for name in file.attrs["methods"]]


def read_map(path: str | Path, method: str, rows: Sequence[int] | None = None) -> NDArray[np.float32]:
    """The maps of one method.

    Parameters
    ----------
    path : path
        The file of maps.
    method : str
        One of `methods_in`.
    rows : sequence of n int, optional
        Nuclei of the dataset; all N by default.

    Returns
    -------
    (n, C, ...) float32
        In the order of the rows, or of the dataset.
    """
    with open_file(path) as file:
        values = file[method]
        return values[()] if rows is None else np.stack([values[row] for row in rows])


def read_maps(path: str | Path) -> dict[str, NDArray[np.float32]]:
    """The maps of each method, (N, C, ...), in the order of the dataset."""
    return {method: read_map(path, method) for method in methods_in(path)}


def completeness_errors(path: str | Path) -> dict[str, float | None]:
    """Completeness error per method: how far a map's sum is from what it explains.

    Where there are no maps of whole nuclei, that of the detail.

    Parameters
    ----------
    path : path
        The file of maps.

    Returns
    -------
    dict
        Median over nuclei, as a share of the sum of absolute values; None for methods whose values need not add up.
    """
    with open_file(path) as file:
        whole = {str(name): file[str(name)] for name in file.attrs["methods"]}
        detail = file.get(DETAIL, {})
        values = whole or {name: detail[name] for name in detail if name not in ("nucleus", "start")}
        found = {method: own.attrs.get("completeness_error") for method, own in values.items()}
    return {method: None if error is None else float(error) for method, error in found.items()}
