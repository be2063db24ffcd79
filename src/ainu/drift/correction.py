"""Drift of an acquisition: measured from the localizations themselves, and applied if it sharpens the image."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ainu.drift.aim import FEWEST_FRAMES, FEWEST_LOCALIZATIONS, maximise_intersections
from ainu.drift.fiducials import follow_fiducials
from ainu.drift.rcc import cross_correlate
from ainu.drift.settings import DriftSettings
from ainu.drift.smoothing import Estimate
from ainu.drift.verdict import judge, judge_z
from ainu.errors import AinuError
from ainu.failures import open_sample
from ainu.hdf5 import write_array
from ainu.localizations.table import Localizations, load
from ainu.shards import write_shard

METHODS = ("aim", "rcc", "fiducial", "none")
DEFAULTS = DriftSettings("aim", segment_frames=500, pixel_nm=40, positions_nm=None, radius_nm=250, presence=0.5)
"""Settings of `estimate_drift` that are not given: those of the config's schema."""


@dataclass(frozen=True)
class Drift:
    """Shift of the field, frame by frame.

    Attributes
    ----------
    shift : (n_frames, 2 or 3) float32
        Shift in x, y and perhaps z relative to the first frame, nm; no rows where there are no frames.
    method : str
        How it was measured; "none" where it was not.
    notes : dict
        Results of the method, plain values. `verdict`: "corrected", or why the shift is 0 ("no drift", "failed",
        "worse", "not measured"); `warning`, a sentence or None; `residual_nm`, the error expected from two halves of
        the data; `frc_before_nm`, `frc_after_nm`, the resolution of the image with and without the correction.
        `verdict_z`, `warning_z`, `residual_z_nm`: the same for z, where it was measured.
    """

    shift: NDArray[np.float32]
    method: str
    notes: dict[str, Any] = field(default_factory=dict)

    def apply(self, localizations: Localizations) -> Localizations:
        """The localizations with the shift of their frame subtracted."""
        if localizations.frame is None or not len(self.shift):
            return localizations
        axes = ("x", "y", "z")[: self.shift.shape[1]]
        moved = {}
        for name, shift in zip(axes, self.shift.T, strict=True):
            if (column := getattr(localizations, name)) is not None:
                moved[name] = column - np.take(shift, localizations.frame)
        return replace(localizations, **moved)


def estimate_drift(localizations: Localizations, method: str = "aim", **settings: Any) -> Drift:
    """Measure the drift of one acquisition.

    Parameters
    ----------
    localizations : Localizations
        One acquisition, all channels.
    method : str
        "aim": adaptive intersection maximization, in x, y and z, no settings (see `maximise_intersections`);
        "rcc": redundant cross-correlation, settings `segment_frames` and `pixel_nm` (see `cross_correlate`);
        "fiducial": settings `positions_nm`, `radius_nm`, `presence` (see `follow_fiducials`);
        "none": no shift.
    **settings
        Of `DriftSettings`; a method ignores those of the others.

    Returns
    -------
    Drift
        A correction that does not sharpen the image is reported and not applied: the shift is 0 then.

    Raises
    ------
    AinuError
        For an unknown method or setting.
    """
    if method not in METHODS:
        raise AinuError(f"drift.method: {method!r} is not one of {', '.join(METHODS)}")
    known = sorted({each.name for each in fields(DriftSettings)} - {"method"})
    for name in settings:
        if name not in known:
            raise AinuError(f"drift: unknown setting {name!r}; allowed: {', '.join(known)}")
    return measure_drift(localizations, replace(DEFAULTS, method=method, **settings))


def measure_drift(localizations: Localizations, settings: DriftSettings) -> Drift:
    """Measure the drift of one acquisition by the settings of the config (`estimate_drift` takes them one by one)."""
    if localizations.frame is None:
        return _unmoved(localizations, "the localizations have no frames")
    if settings.method == "none":
        return _unmoved(localizations, "switched off")
    if len(localizations) < FEWEST_LOCALIZATIONS or localizations.n_frames < FEWEST_FRAMES:
        return _unmoved(
            localizations, f"{len(localizations)} localizations in {localizations.n_frames} frames are too few"
        )
    return judged(localizations, settings.method, _measure(localizations, settings))


def _unmoved(localizations: Localizations, why: str, method: str = "none", **notes: Any) -> Drift:
    shift = np.zeros((localizations.n_frames, 2 if localizations.z is None else 3), np.float32)
    return Drift(shift, method, {"verdict": "not measured", "warning": None, "why": why} | notes)


def _measure(localizations: Localizations, settings: DriftSettings) -> Estimate:
    if settings.method == "rcc":
        return cross_correlate(localizations, settings.segment_frames, settings.pixel_nm)
    if settings.method == "fiducial":
        return follow_fiducials(localizations, settings.positions_nm, settings.radius_nm, settings.presence)
    axes = [localizations.x, localizations.y] + ([] if localizations.z is None else [localizations.z])
    assert localizations.frame is not None
    return maximise_intersections(axes, localizations.frame, localizations.n_frames)


def judged(localizations: Localizations, method: str, found: Estimate) -> Drift:
    """Accept a measured drift if its correction sharpens the image.

    Parameters
    ----------
    localizations : Localizations
        As measured.
    method : str
        How the drift was measured.
    found : Estimate
        The drift.

    Returns
    -------
    Drift
        The one that was measured, or none and the reason in its notes; in x and y, and separately in z.
    """
    if "why" in found.notes:
        warning = f"the drift could not be measured: {found.notes['why']}"
        return _unmoved(localizations, method=method, verdict="failed", warning=warning, **found.notes)
    verdict = judge(localizations, found)
    notes = found.notes | verdict.notes | {"residual_nm": found.residual_nm}
    shift = np.zeros((len(found.shift), 2 if localizations.z is None else 3), np.float32)
    if verdict.applies:
        shift[:, :2] = found.shift[:, :2]
    if found.shift.shape[1] > 2:
        level = judge_z(Drift(shift, method).apply(localizations), found)
        notes |= level.notes_z
        if level.applies:
            shift[:, 2] = found.shift[:, 2]
    return Drift(shift, method, notes)


def correct_shard(
    raw: str | Path, output: str | Path, samples: list[str], settings: DriftSettings, threads: int = 1
) -> None:
    """Measure the drift of every acquisition of a shard's samples: groups `/{sample}/{acquisition}` with `shift`."""
    work = partial(_correct_sample, str(raw), settings)
    write_shard(output, samples, work, threads=threads, title="correct_drift")


def _correct_sample(raw: str, settings: DriftSettings, sample: str, group: h5py.Group) -> None:
    table = load(raw, sample)
    acquisition = np.asarray(table.meta["acquisition"])
    for index in range(int(acquisition.max()) + 1):
        drift = measure_drift(table[acquisition[table.channel] == index], settings)
        own = group.create_group(str(index))
        write_array(own, "shift", drift.shift)
        own.attrs["method"] = drift.method
        own.attrs["notes"] = json.dumps(drift.notes, sort_keys=True)


def read_drift(path: str | Path, sample: str) -> list[Drift]:
    """Read the drift of each acquisition of a sample."""
    with open_sample(path, sample) as group:
        groups = [group[name] for name in sorted(group, key=int)]
        return [Drift(g["shift"][()], str(g.attrs["method"]), json.loads(g.attrs["notes"])) for g in groups]
