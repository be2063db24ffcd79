"""Rules between the keys of a section of the config: `quality`, `renders`, `nuclei`, `ingest`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ainu.settings.cells import CONTROL_IN_NAMES, control_complaint, mapping_complaint
from ainu.settings.schemas import Tree
from ainu.settings.wording import dotted, one_of, shown


def section_mistakes(config: Tree, given: Tree) -> list[str]:
    """Mistakes outside of experiments. A null stands for what is invalid and already reported.

    Parameters
    ----------
    config : dict
        The config with every key.
    given : dict
        The config as the user wrote it, expanded.

    Returns
    -------
    list of str
    """
    return [
        *_reversed_ranges(config),
        *_uneven_canvases({name: config["renders"][name] for name in given.get("renders") or {}}),
        *_nuclei_mistakes(config),
        *_mapping_mistakes(config),
        *_crosstalk_mistakes(config),
        *_alignment_mistakes(config),
        *_kept_names(given),
    ]


def control_mistakes(config: Any, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Names and texts of the config with characters that no file, name or table can hold.

    Parameters
    ----------
    config : object
        As read from YAML, or a part of it.
    path : tuple of str or int
        Where it stands.

    Yields
    ------
    str
    """
    if isinstance(config, str) and (complaint := control_complaint(config)):
        yield f"{dotted(path)}: {complaint}"
    elif isinstance(config, Mapping):
        for key, value in config.items():
            if complaint := control_complaint(str(key), CONTROL_IN_NAMES):
                yield f"{dotted(path) or 'keys'}: {complaint}"
            yield from control_mistakes(value, (*path, str(key)))
    elif isinstance(config, list | tuple):
        for index, value in enumerate(config):
            yield from control_mistakes(value, (*path, index))


def _kept_names(given: Tree) -> Iterator[str]:
    """Names that something else under `results/` has already, or that no column in an HDF5 file can have."""
    if "views" in (given.get("renders") or {}):
        yield "renders.views: found the name of the folder of the views, results/voxels/views; allowed: any other name"
    columns = {f"quality.extra.{name}": name for name in (given.get("quality") or {}).get("extra") or {}}
    columns["nuclei.column"] = (given.get("nuclei") or {}).get("column") or "column"
    for place, name in columns.items():
        if {"", "."} & set(name.split("/")):
            yield f"{place}: found {name!r}, which no column in an HDF5 file can be called; allowed: another name"


def _reversed_ranges(config: Tree) -> Iterator[str]:
    ranges = {f"quality.{key}": value for key, value in config["quality"].items() if isinstance(value, list)}
    ranges |= {f"quality.extra.{name}": value for name, value in (config["quality"]["extra"] or {}).items()}
    ranges |= {f"nuclei.{key}": config["nuclei"][key] for key in ("area_um2", "solidity", "roundness")}
    for path, limits in ranges.items():
        if limits and _reversed(*limits):
            yield f"{path}: found {shown(limits)}, allowed: [lowest, highest] with lowest no larger than highest"


def _reversed(low: Any, high: Any) -> bool:
    """Whether limits are the wrong way round; a number and a quantile can be compared only once there are data."""
    if isinstance(low, str) and isinstance(high, str):
        low, high = (float(limit.removeprefix("q")) for limit in (low, high))
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    return numbers and low > high


def _uneven_canvases(renders: Tree) -> Iterator[str]:
    for name, render in renders.items():
        if render["canvas_nm"] != "fitted":
            yield from uneven(f"renders.{name}", render, "canvas_nm", "voxel_nm")
        yield from uneven(f"renders.{name}", render, "depth_nm", "voxel_z_nm")
        for key in ("voxel_z_nm", "depth_nm"):
            if render["dimensions"] == 3 and render[key] is None:
                yield f"renders.{name}.{key}: missing; needed with dimensions: 3: a number of nm"


def uneven(place: str, render: Tree, whole: str, part: str) -> Iterator[str]:
    """A size that is no whole multiple of its part.

    Parameters
    ----------
    place : str
        Where the two stand in the config.
    render : dict
        Holds them.
    whole, part : str
        Their keys.

    Yields
    ------
    str
    """
    size, voxel = render[whole], render[part]
    if voxel and size and (size < voxel or not math.isclose(size / voxel, round(size / voxel))):
        nearest = max(1, round(size / voxel)) * voxel
        yield (f"{place}.{whole}: found {size}, allowed: a whole multiple of {part} ({voxel}), such as {nearest:.15g}")


def _nuclei_mistakes(config: Tree) -> Iterator[str]:
    nuclei, channels = config["nuclei"], config.get("channels")
    if nuclei["method"] == "column" and nuclei["column"] is None:
        yield "nuclei.column: found null, allowed: the name of the column that holds the segmentation (method: column)"
    if channels and nuclei["channel"] is not None and nuclei["channel"] not in channels:
        yield f"nuclei.channel: {one_of(nuclei['channel'], channels)}"


def _mapping_mistakes(config: Tree) -> Iterator[str]:
    text = config["ingest"]["columns"]
    complaint = mapping_complaint(text) if text else None
    if complaint:
        yield f"ingest.columns: {complaint}"


def _crosstalk_mistakes(config: Tree) -> Iterator[str]:
    channels, crosstalk = config.get("channels"), config["ingest"]["crosstalk"] or {}
    for source, targets in (crosstalk.get("fractions") or {}).items():
        for name in dict.fromkeys([source, *(targets or {})]):
            if channels and name not in channels:
                yield f"ingest.crosstalk.fractions.{source}: {one_of(name, channels)}"
        if source in (targets or {}):
            yield f"ingest.crosstalk.fractions.{source}: found {source!r} itself; allowed: other channels"


def _alignment_mistakes(config: Tree) -> Iterator[str]:
    channels, alignment = config.get("channels"), config["ingest"]["alignment"] or {}
    if alignment.get("method") == "beads" and alignment.get("bead_table") is None:
        yield "ingest.alignment.bead_table: found null, allowed: the path of a table of beads (method: beads)"
    if channels and alignment.get("reference") is not None and alignment["reference"] not in channels:
        yield f"ingest.alignment.reference: {one_of(alignment['reference'], channels)}"
