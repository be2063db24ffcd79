"""The files of an experiment that a report is made from, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.files import read_json
from ainu.hdf5 import open_file

JsonObject = Mapping[str, Any]
"""What a JSON file holds: values by their names."""

WHO = ("nucleus", "sample", "replicate", "label")
"""Columns that identify a nucleus and its class."""

_SEVERAL = ("figures", "attribution_figures")


@dataclass(frozen=True)
class ReportSources:
    """The files that a report is made from. The page says which of them are missing (None or empty).

    Attributes
    ----------
    name : str
        Name of the experiment.
    metrics, predictions, dataset : path
        `metrics.json`, `predictions.tsv` and `dataset.h5` of the experiment.
    folds, qc, leakage, margins : path, optional
        `folds.tsv`, `qc/summary.tsv`, `leakage.json`, `margins.tsv`.
    models : tuple of path
        Folders `repeat{r}-fold{k}` with `history.tsv` and `model.json`.
    figures : tuple of path
        Pictures of the evaluation and of the training, SVG or PNG.
    maps, scorecard, compartments : path, optional
        `attribution/maps.h5`, `scorecard.json` and `compartments.json`.
    gathering : path, optional
        `attribution/gathering.json`: whether the localizations with the highest attribution cluster.
    truth : path, optional
        For simulated data `attribution/truth.json`: `{"enrichment": {method: {channel: value}}}`, attribution per area
        where the classes were made to differ over that in the rest of the nucleus, and further measures per method.
    attribution_figures : tuple of path
        Pictures of the attribution, SVG or PNG.
    new_predictions : path, optional
        `results/predictions/{experiment}.tsv`: samples without a label and those of role `test`.
    """

    name: str
    metrics: Path
    predictions: Path
    dataset: Path
    folds: Path | None = None
    qc: Path | None = None
    leakage: Path | None = None
    margins: Path | None = None
    models: tuple[Path, ...] = ()
    figures: tuple[Path, ...] = ()
    maps: Path | None = None
    scorecard: Path | None = None
    compartments: Path | None = None
    gathering: Path | None = None
    truth: Path | None = None
    attribution_figures: tuple[Path, ...] = ()
    new_predictions: Path | None = None

    @classmethod
    def of_job(cls, name: str, inputs: Mapping[str, Any], models: Sequence[str]) -> ReportSources:
        """From the files of a job of the rule `report`.

        Parameters
        ----------
        name : str
            Name of the experiment.
        inputs : mapping of str to path or sequence of paths
            By the name of the attribute; an empty sequence where the experiment has no such file.
        models : sequence of path
            Folders of the models.

        Returns
        -------
        ReportSources
        """
        several = {key: tuple(map(Path, inputs[key])) for key in _SEVERAL}
        files = {key: [path] if isinstance(path, str) else path for key, path in inputs.items() if key not in several}
        single = {key: Path(paths[0]) for key, paths in files.items() if paths}
        values: dict[str, Any] = several | single
        return cls(name=name, models=tuple(map(Path, models)), **values)


@dataclass(frozen=True)
class DatasetSummary:
    """What `dataset.h5` says about each nucleus, without the images.

    Attributes
    ----------
    table : DataFrame
        A row per nucleus: `WHO`, localizations per channel, area.
    channels : tuple of str
    voxel_nm : float
        Lateral edge of a voxel, nm.
    shape : tuple of int
        Of an image, (C, Y, X) or (C, Z, Y, X).
    spread : bool
        Localizations are spread by their precision (kernel gaussian), not counted.
    clipped : (N,) float64
        Share of each nucleus's localizations that lies beyond the canvas.
    """

    table: pd.DataFrame
    channels: tuple[str, ...]
    voxel_nm: float
    shape: tuple[int, ...]
    spread: bool
    clipped: NDArray[np.float64]

    @property
    def width_nm(self) -> float:
        """Edge of an image, nm."""
        return self.shape[-1] * self.voxel_nm

    @property
    def measures(self) -> list[str]:
        """Columns that hold a number per nucleus."""
        return [str(name) for name in self.table if name not in WHO]


def read_dataset(path: Path) -> DatasetSummary:
    """What a dataset holds beside its images."""
    with open_file(path) as file:
        table = pd.DataFrame({name: file[name].asstr()[()] for name in WHO})
        channels = tuple(str(name) for name in file.attrs["channels"])
        for index, channel in enumerate(channels if "localizations" in file else ()):
            table[f"localizations {channel}"] = file["localizations"][:, index]
        if "area_um2" in file:
            table["area_um2"] = file["area_um2"][()]
        voxel_nm = float(np.ravel(file.attrs["voxel_size_nm"])[-1])
        image, clipped = file["image"], _clipped(file, len(table))
        return DatasetSummary(table, channels, voxel_nm, image.shape[1:], image.dtype.kind == "f", clipped)


def _clipped(file: h5py.File, number: int) -> NDArray[np.float64]:
    """(N,) share of each nucleus's localizations beyond the canvas."""
    if "clipped" not in file:
        return np.zeros(number)
    cut, held = (file[name][()].sum(axis=1) for name in ("clipped", "localizations"))
    return cut / np.maximum(held, 1)


def read_result(path: Path) -> Any:
    """Read a JSON file of the results.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    object
        Mappings, lists, numbers and texts.

    Raises
    ------
    AinuError
        If it cannot be read.
    """
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise AinuError(f"{path}: cannot be read as JSON ({error})") from None


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a tab-separated table.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    DataFrame
        Every cell as the text that it is.

    Raises
    ------
    AinuError
        If it cannot be read.
    """
    try:
        return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise AinuError(f"{path}: cannot be read as a tab-separated table ({error})") from None


def samples_told(path: Path | None, column: str) -> dict[str, str]:
    """What a column of `qc/summary.tsv` says of each sample of which it says anything; nothing where it is missing."""
    table = pd.DataFrame() if path is None else read_text_table(path)
    if column not in table:
        return {}
    return {name: why for name, why in zip(table["sample"], table[column], strict=True) if why}


def numeric(column: pd.Series) -> pd.Series:
    """The column as numbers where every filled cell is one, else as it is."""
    numbers = pd.to_numeric(column.replace("", np.nan), errors="coerce")
    return numbers if numbers.notna().sum() == (column != "").sum() else column


def read_predictions(path: Path, classes: Sequence[str]) -> pd.DataFrame:
    """One row per nucleus: probabilities averaged over the repeats, each of them out of fold."""
    table = read_text_table(path)
    scores = [f"p_{name}" for name in classes]
    _check_columns(path, table, ("nucleus", "label", *scores))
    table[scores] = table[scores].apply(pd.to_numeric)
    by_nucleus = table.groupby("nucleus", sort=False)
    once = table.drop_duplicates("nucleus").set_index("nucleus")[["sample", "replicate", "label"]]
    once[scores] = by_nucleus[scores].mean()
    once["fold"] = by_nucleus["fold"].agg(", ".join)
    once["predicted"] = np.asarray(classes, dtype=object)[once[scores].to_numpy().argmax(axis=1)]
    return once.reset_index()


def read_new_predictions(path: Path | None, classes: Sequence[str]) -> pd.DataFrame | None:
    """The table of new samples; the numbers in it as numbers."""
    if path is None:
        return None
    table = read_text_table(path)
    scores = [f"p_{name}" for name in classes]
    _check_columns(path, table, ("nucleus", "sample", "label", "predicted", *scores))
    numbers = [name for name in (*scores, "ood") if name in table]
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce")
    return table


def _check_columns(path: Path, table: pd.DataFrame, wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in table]
    if missing:
        raise AinuError(f"{path}: column {missing[0]!r} is missing; found: {', '.join(map(str, table))}")
