"""Attribution of an experiment summed up: by compartment, by depth, by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.attribution.compartments import NAMES, densities, enrichment, find_compartments, radial_profile
from ainu.attribution.detail_figure import detail_windows
from ainu.attribution.figures import compartment_bars, examples, radial_profiles, removal_curves
from ainu.attribution.maps import completeness_errors, methods_in, read_map
from ainu.attribution.scorecard import score
from ainu.attribution.settings import AttributionSettings
from ainu.figures.maps import class_mean_maps, flat
from ainu.figures.saving import save
from ainu.figures.style import sentence
from ainu.files import write_json
from ainu.images.dataset import Dataset


def summarise(
    dataset: Dataset,
    maps: str | Path,
    sanity: Mapping[str, Any],
    classes: Sequence[str],
    settings: AttributionSettings,
    seed: int,
    paths: Mapping[str, str],
) -> None:
    """Write the scorecard, the enrichment by compartment, and the figures of an experiment's attribution.

    Parameters
    ----------
    dataset : Dataset
        The nuclei.
    maps : path
        Of `maps.write_maps`.
    sanity : mapping
        Of `sanity.examine`.
    classes : sequence of str
        In the order of the figures.
    settings : AttributionSettings
        How nucleoli are recognised, and the width of the rim.
    seed : int
        Of the bootstrap.
    paths : mapping
        `scorecard`, `compartments`, and the figures `class_means`, `curves`, `enrichment`, `radial`, `examples`,
        `detail`.
    """
    scorecard = score(sanity, completeness_errors(maps))
    write_json(paths["scorecard"], scorecard)
    methods, verdicts = methods_in(maps), {row["method"]: row["verdict"] for row in scorecard["methods"]}
    save(removal_curves(sanity, verdicts), paths["curves"])
    shown = _examples(dataset, classes)
    rows = range(len(dataset)) if methods else shown
    masks = {row: _compartments(dataset.image[row], dataset, settings) for row in rows}
    drawn = {method: read_map(maps, method, shown) for method in methods}
    save(examples(dataset, shown, drawn, verdicts, [masks[row] for row in shown]), paths["examples"])
    found = _enrichments(dataset, maps, list(masks.values()), classes, seed)
    write_json(paths["compartments"], {"compartments": list(NAMES), "enrichment": found})
    best = scorecard["best"]
    save(detail_windows(dataset, maps, best, classes), paths["detail"])
    own = [row for row in found if row["method"] == best]
    save(compartment_bars(own, classes, dataset.channels, best, verdicts.get(best)), paths["enrichment"])
    if best not in methods:
        why = "no attribution method, no map" if best is None else "the network sees crops alone: no map of the nucleus"
        for name in ("class_means", "radial"):
            save(sentence(why), paths[name])
        return
    values = read_map(maps, best)
    save(class_mean_maps(values, dataset.label, classes, dataset.channels, dataset.voxel_size_nm), paths["class_means"])
    profiles = np.stack([_profile(image, masks[row]) for row, image in enumerate(values)])
    save(radial_profiles(profiles, dataset.label, classes, dataset.channels), paths["radial"])


def _compartments(image: NDArray[Any], dataset: Dataset, settings: AttributionSettings) -> dict[str, NDArray[np.bool_]]:
    return find_compartments(image, dataset.channels, dataset.voxel_size_nm, settings.nucleoli, settings.rim_nm)


def _enrichments(
    dataset: Dataset,
    maps: str | Path,
    masks: Sequence[Mapping[str, NDArray[np.bool_]]],
    classes: Sequence[str],
    seed: int,
) -> list[dict[str, Any]]:
    """A row per method, class, compartment and channel; evidence is the positive part of a map."""
    rows = []
    for method in methods_in(maps):
        values = read_map(maps, method)
        found = np.stack([densities(np.maximum(flat(one), 0), own) for one, own in zip(values, masks, strict=True)])
        for label in classes:
            own = dataset.label == label
            for k, compartment in enumerate(NAMES):
                for c, channel in enumerate(dataset.channels):
                    sides = found[own, k, c]
                    result = enrichment(sides[:, 0], sides[:, 1], dataset.replicate[own], seed)
                    names = {"compartment": compartment, "channel": channel, "label": label, "method": method}
                    rows.append(names | result)
    return rows


def _profile(image: NDArray[np.float32], masks: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.float64]:
    return radial_profile(flat(image), np.any(list(masks.values()), axis=0))


def _examples(dataset: Dataset, classes: Sequence[str]) -> list[int]:
    """The first nucleus of each class, up to four."""
    found = [np.flatnonzero(dataset.label == name)[:1] for name in classes[:4]]
    return [int(row) for rows in found for row in rows]
