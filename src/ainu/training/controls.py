"""Control trainings: the same cross-validation on nuclei from which something was taken, or with labels exchanged.

What a network achieves on nuclei of equal counts it owes to no difference in counts; what it achieves on outlines it
owes to size and shape alone; what it achieves on exchanged labels is chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ainu.errors import AinuError
from ainu.files import write_table
from ainu.folds.label_permutation import Exchange
from ainu.folds.table import test_rows
from ainu.images.dataset import Dataset, canvas_positions
from ainu.images.thinning import equal_counts
from ainu.nuclei.find import read_nuclei
from ainu.training.cross_validation import fold_fit

UNCHANGED, EQUAL_COUNTS, OUTLINE = "unchanged", "equal_counts", "outline"
OF_AREAS = {"level": "voxels", "thin": 0.0, "jitter": 0.0, "drop_background": 0.0}
"""Augmentation of outlines, which hold no localizations that could be moved or dropped."""


def control_dataset(dataset: Dataset, control: str, masks: Mapping[str, str | Path], seed: int) -> Dataset:
    """The nuclei as a control training sees them.

    Parameters
    ----------
    dataset : Dataset
    control : str
        "unchanged", "equal_counts" or "outline".
    masks : mapping
        The nuclei file of each sample, for "outline".
    seed : int
        Draws the localizations that stay.
    """
    if control == EQUAL_COUNTS:
        return equal_counts(dataset, seed)
    return outlines(dataset, masks) if control == OUTLINE else dataset


def outlines(dataset: Dataset, masks: Mapping[str, str | Path]) -> Dataset:
    """The filled outline of each nucleus as the only channel, the same in every plane of a volume."""
    image = np.zeros((len(dataset), 1, *dataset.image.shape[2:]), np.uint16)
    for sample in np.unique(dataset.sample):
        found = read_nuclei(masks[str(sample)], str(sample))
        for index in np.flatnonzero(dataset.sample == sample):
            number = int(str(dataset.nucleus[index]).rpartition("/")[2])
            x, y = canvas_positions(dataset, int(index))
            column, row = (
                np.floor((at - low) / found.grid.pixel_nm).astype(int)
                for at, low in ((x, found.grid.x_nm), (y, found.grid.y_nm))
            )
            inside = (row >= 0) & (row < found.mask.shape[0]) & (column >= 0) & (column < found.mask.shape[1])
            inside[inside] = found.mask[row[inside], column[inside]] == number
            image[index, 0] = inside
    return replace(dataset, image=image, channels=("outline",), localizations=dataset.localizations[:, :1], points=None)


def train_controls(
    dataset: Dataset,
    folds: pd.DataFrame,
    experiment: Mapping[str, Any],
    controls: Sequence[str],
    masks: Mapping[str, str | Path],
    *,
    fold: int,
    seed: int,
    threads: int,
    initial: Sequence[str | Path],
    output: str | Path,
) -> None:
    """Train each control without a fold of the first repeat, and write what it says of the nuclei held out there.

    A job that dies goes on: what is trained and under way lies beside the output until that is whole.

    Parameters
    ----------
    dataset, folds, experiment, seed, threads, initial :
        As for `crossvalidation.fold_fit`; the network is the experiment's.
    controls : sequence of str
    masks :
        As for `control_dataset`.
    fold : int
    output : path
        Table of predictions with a column `control`.
    """
    parts, resumes = [], []
    for control in controls:
        resumes.append(Path(output).with_suffix(f".{control}.resume.pt"))
        changed = control_dataset(dataset, control, masks, seed)
        recipe, start = experiment, initial
        if control == OUTLINE:
            recipe, start = {**experiment, "augmentation": {**experiment["augmentation"], **OF_AREAS}}, ()
        table = _trained(changed, folds, recipe, fold, seed, threads, start, resumes[-1])
        parts.append(table.assign(control=control))
    write_table(output, pd.concat(parts, ignore_index=True))
    for resume in resumes:
        resume.unlink(missing_ok=True)


def _trained(
    dataset: Dataset,
    folds: pd.DataFrame,
    experiment: Mapping[str, Any],
    fold: int,
    seed: int,
    threads: int,
    initial: Sequence[str | Path],
    resume: Path | None = None,
) -> pd.DataFrame:
    fit = fold_fit(dataset, folds, experiment, repeat=0, fold=fold, seed=seed, threads=threads, initial=initial)
    trained, info = fit.run(resume)
    first = folds[folds["repeat"] == 0]
    return fit.predict(trained, info, first[first["nucleus"].isin(test_rows(folds, 0, fold))])


def train_permuted(
    dataset: Dataset,
    folds: pd.DataFrame,
    experiment: Mapping[str, Any],
    *,
    draw: int,
    seed: int,
    threads: int,
    output: str | Path,
) -> None:
    """Train all folds of the first repeat on exchanged labels, and write what the networks say out of fold."""
    first = folds[folds["repeat"] == 0]
    labels = Exchange.of(first).once(seed=seed, draw=draw)
    if labels is None:
        raise AinuError("audit.network_permutations: no exchange of labels leaves each fold every class to train on")
    by_nucleus = pd.Series(labels, index=first["nucleus"])
    relabelled = replace(dataset, label=by_nucleus.loc[dataset.nucleus.tolist()].to_numpy(dtype=str))
    other = folds.assign(label=folds["nucleus"].map(by_nucleus))
    parts = [
        _trained(relabelled, other, experiment, int(fold), seed, threads, ()) for fold in sorted(first["fold"].unique())
    ]
    write_table(output, pd.concat(parts).sort_index(kind="stable").reset_index(drop=True))
