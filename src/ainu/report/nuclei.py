"""Nuclei to look at: channels and maps side by side, with the prediction of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ainu.figures.names import method_name
from ainu.figures.sprite import Sprite, sprite
from ainu.hdf5 import open_file
from ainu.report.pictures import data_uri
from ainu.report.sources import DatasetSummary, JsonObject, ReportSources
from ainu.report.text import number_text

PICTURE_BYTES = 6_000_000
"""Largest size of the pictures of all nuclei. Beyond it methods are left out, then tiles shrink, then nuclei are left
out."""

_TILE_EDGES = (128, 96, 64, 48)
_FEWEST_METHODS = 2
_SMALLEST_FOR_ALL_METHODS = 64
_CORRECT_PER_CLASS = 3
_ERRORS = 4


@dataclass(frozen=True)
class Nucleus:
    """A nucleus to look at: its picture, its class, and the prediction of the network."""

    anchor: str
    name: str
    replicate: str
    label: str
    predicted: str
    probabilities: tuple[tuple[str, float], ...]
    source: str
    limits: tuple[tuple[str, str], ...]

    @property
    def correct(self) -> bool:
        """Whether the predicted class is the true one."""
        return self.label == self.predicted

    @property
    def confidence(self) -> float:
        """Probability of the predicted class."""
        return max(probability for _, probability in self.probabilities)


@dataclass(frozen=True)
class DrawnNuclei:
    """The nuclei of the page, and the methods whose maps are drawn beside each."""

    nuclei: tuple[Nucleus, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class _Images:
    """The image and the maps of a nucleus by its name, while their files are open."""

    images: Any
    image_rows: Mapping[str, int]
    maps: JsonObject
    map_rows: Mapping[str, int]

    def __contains__(self, nucleus: str) -> bool:
        return nucleus in self.image_rows and (not self.maps or nucleus in self.map_rows)

    def sprite(self, nucleus: str, edge: int, methods: Sequence[str]) -> Sprite:
        image = self.images[self.image_rows[nucleus]]
        maps = {method: self.maps[method][self.map_rows[nucleus]] for method in methods}
        return sprite(image, maps, edge)


@contextmanager
def _open_images(sources: ReportSources, methods: Sequence[str]) -> Iterator[_Images]:
    with ExitStack() as stack:
        data = stack.enter_context(open_file(sources.dataset))
        rows = _rows_by_nucleus(data)
        if sources.maps is None:
            yield _Images(data["image"], rows, {}, {})
        else:
            file = stack.enter_context(open_file(sources.maps))
            maps = {method: file[method] for method in methods}
            yield _Images(data["image"], rows, maps, _rows_by_nucleus(file))


def _rows_by_nucleus(file: Any) -> dict[str, int]:
    return {name: row for row, name in enumerate(file["nucleus"].asstr()[()])}


def drawn_nuclei(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    dataset: DatasetSummary,
    sources: ReportSources,
    methods: Sequence[str],
) -> DrawnNuclei:
    """The nuclei to look at, in the order of the predictions; of too many, errors and confident ones stay.

    Parameters
    ----------
    predictions : DataFrame
        As `read_predictions` reads it.
    classes : sequence of str
        Of the experiment.
    dataset : DatasetSummary
        Gives the channels.
    sources : ReportSources
        The files of images and maps.
    methods : sequence of str
        Attribution methods, best first.

    Returns
    -------
    DrawnNuclei
    """
    records = predictions.to_dict("records")
    with _open_images(sources, methods) as images:
        drawable = [index for index, record in enumerate(records) if record["nucleus"] in images]
        drawn, edge = _fitting(images, [str(records[index]["nucleus"]) for index in drawable], methods)
        nuclei: dict[int, Nucleus] = {}
        size = 0
        for index in sorted(drawable, key=lambda index: _rank(records[index], classes)):
            sprite = images.sprite(str(records[index]["nucleus"]), edge, drawn)
            nuclei[index] = _nucleus(index, records[index], classes, dataset, sprite, drawn)
            size += len(nuclei[index].source)
            if size > PICTURE_BYTES:
                break
    return DrawnNuclei(tuple(nuclei[index] for index in sorted(nuclei)), drawn)


def _rank(record: Mapping[Any, Any], classes: Sequence[str]) -> tuple[bool, float]:
    """Errors come first, and confident predictions before others."""
    return record["label"] == record["predicted"], -max(record[f"p_{name}"] for name in classes)


def _fitting(images: _Images, names: Sequence[str], methods: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """As many methods, best first, and as large tiles as there is room for, estimated from a few nuclei."""
    fewest = min(_FEWEST_METHODS, len(methods))
    choices = [
        (tuple(methods[:count]), edge)
        for count in range(len(methods), fewest - 1, -1)
        for edge in _TILE_EDGES
        if count == fewest or edge >= _SMALLEST_FOR_ALL_METHODS
    ]
    fitting = (choice for choice in choices if _estimate(images, names, *choice) <= PICTURE_BYTES)
    return next(fitting, choices[-1])


def _estimate(images: _Images, names: Sequence[str], methods: Sequence[str], edge: int) -> float:
    """Bytes on the page that pictures of all nuclei take."""
    probe = names[:: max(1, len(names) // 4)]
    return len(names) * sum(4 / 3 * len(images.sprite(name, edge, methods).png) for name in probe) / max(1, len(probe))


def _nucleus(
    index: int,
    row: Mapping[Any, Any],
    classes: Sequence[str],
    dataset: DatasetSummary,
    sprite: Sprite,
    methods: Sequence[str],
) -> Nucleus:
    counts = zip(dataset.channels, sprite.count_limits, strict=True)
    signed = zip(methods, sprite.signed_limits, strict=True)
    limits = [(channel, f"0 to {number_text(round(limit))} localizations") for channel, limit in counts]
    limits += [(method_name(method), f"±{limit:.2g}") for method, limit in signed]
    return Nucleus(
        anchor=f"nucleus-{index}",
        name=row["nucleus"],
        replicate=row["replicate"],
        label=row["label"],
        predicted=row["predicted"],
        probabilities=tuple((name, float(row[f"p_{name}"])) for name in classes),
        source=data_uri(sprite.png, "png"),
        limits=tuple(limits),
    )


def gallery(nuclei: Sequence[Nucleus], classes: Sequence[str]) -> list[tuple[str, list[Nucleus]]]:
    """The most confident correct nuclei of each class, then the most confident errors."""
    ranked = sorted(nuclei, key=lambda nucleus: -nucleus.confidence)
    groups = [
        (
            f"Most confident, correct: {name}",
            [nucleus for nucleus in ranked if nucleus.correct and nucleus.label == name],
        )
        for name in classes
    ]
    shown = [(title, own[:_CORRECT_PER_CLASS]) for title, own in groups]
    return [*shown, ("Most confident errors", [nucleus for nucleus in ranked if not nucleus.correct][:_ERRORS])]
