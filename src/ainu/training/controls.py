"""Control trainings: the same cross-validation on nuclei from which something was taken.

What a network achieves on nuclei of equal counts it owes to no difference in counts; what it achieves on merged blinks
to no difference in how emitters blink; what it achieves on outlines to size and shape alone; on blurred nuclei, to what
is left of the structure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ainu.files import write_table
from ainu.images.blur import CONTROL, Blur
from ainu.images.blurring import blurred
from ainu.images.dataset import Dataset, voxel_centres
from ainu.images.merging import merged_blinks
from ainu.images.thinning import equal_counts
from ainu.nuclei.table import read_nuclei
from ainu.training.cross_validation import RESUME, CrossValidation, forget
from ainu.training.held_out import predict_held_out
from ainu.training.recipe import Design

UNCHANGED, EQUAL_COUNTS, MERGED_BLINKS, OUTLINE = "unchanged", "equal_counts", "merged_blinks", "outline"


def control_dataset(dataset: Dataset, control: str, masks: Mapping[str, str | Path], seed: int) -> Dataset:
    """The nuclei as a control training sees them.

    Parameters
    ----------
    dataset : Dataset
        The experiment's.
    control : str
        "unchanged", "equal_counts", "merged_blinks", "outline", or "blur_50" and the like (`Blur.control`).
    masks : mapping
        The nuclei file of each sample, for "outline".
    seed : int
        Draws the localizations that stay, and moves those that are blurred.

    Returns
    -------
    Dataset
        Of the same nuclei.
    """
    if control == EQUAL_COUNTS:
        return equal_counts(dataset, seed)
    if control == MERGED_BLINKS:
        return merged_blinks(dataset)
    if control.startswith(CONTROL):
        return blurred(dataset, Blur.of_control(control), seed)
    return outlines(dataset, masks) if control == OUTLINE else dataset


def outlines(dataset: Dataset, masks: Mapping[str, str | Path]) -> Dataset:
    """The filled outline of each nucleus as the only channel, the same in every plane of a volume."""
    image = np.zeros((len(dataset), 1, *dataset.image.shape[2:]), np.uint16)
    for sample in np.unique(dataset.sample):
        found = read_nuclei(masks[str(sample)], str(sample))
        for index in np.flatnonzero(dataset.sample == sample):
            number = int(str(dataset.nucleus[index]).rpartition("/")[2])
            x, y = voxel_centres(dataset, int(index))
            column, row = (
                np.floor((at - low) / found.grid.pixel_nm).astype(int)
                for at, low in ((x, found.grid.x_nm), (y, found.grid.y_nm))
            )
            inside = (row >= 0) & (row < found.mask.shape[0]) & (column >= 0) & (column < found.mask.shape[1])
            inside[inside] = found.mask[row[inside], column[inside]] == number
            image[index, 0] = inside
    return replace(dataset, image=image, channels=("outline",), localizations=dataset.localizations[:, :1], points=None)


def control_design(design: Design, control: str) -> Design:
    """How a control network is trained: as the experiment's, but outlines are seen whole, without localizations."""
    if control != OUTLINE:
        return design
    changes = replace(design.augmentation, thin=0.0, jitter=0.0, drop_background=0.0)
    return replace(design, views=None, augmentation=changes)


def train_controls(
    validation: CrossValidation,
    controls: Sequence[str],
    masks: Mapping[str, str | Path],
    *,
    fold: int,
    output: str | Path,
) -> None:
    """Train each control without a fold of the first repeat, and write what it predicts for the nuclei held out there.

    A job that dies goes on: what is trained and under way lies beside the output until that is whole. Merged blinks are
    left out where no file says which localizations show the same emitter.

    Parameters
    ----------
    validation : CrossValidation
        Of the experiment; its network is that of the controls.
    controls : sequence of str
        Which ones, as `control_dataset` takes them.
    masks : mapping
        As for `control_dataset`.
    fold : int
        Which fold is held out.
    output : path
        Table of predictions with a column `control`.
    """
    parts, resumes = [], []
    for control in controls:
        if control == MERGED_BLINKS and not validation.dataset.knows_emitters:
            continue
        resumes.append(Path(output).with_suffix(f".{control}.{RESUME}"))
        own = replace(
            validation,
            dataset=control_dataset(validation.dataset, control, masks, validation.seed),
            design=control_design(validation.design, control),
            initial=() if control == OUTLINE else validation.initial,
        )
        table = predict_held_out(own.fit(0, fold), own.held_out(0, fold), resumes[-1])
        parts.append(table.assign(control=control))
    nothing = validation.held_out(0, fold).iloc[:0].assign(control="")
    write_table(output, pd.concat(parts, ignore_index=True) if parts else nothing)
    for resume in resumes:
        forget(resume)
