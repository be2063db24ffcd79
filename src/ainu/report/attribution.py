"""Attribution: where in the nucleus the evidence lies, and which methods pass their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainu.figures.maps import class_mean_maps
from ainu.figures.names import method_name
from ainu.figures.saving import encode
from ainu.hdf5 import open_file
from ainu.intervals import Interval, as_number
from ainu.prose import listed
from ainu.report.pictures import Picture, data_uri
from ainu.report.sources import DatasetSummary, JsonObject, read_result
from ainu.report.tables import PageTable, table_of
from ainu.report.text import number_text, words

SCORES = (
    "rank",
    "method",
    "verdict",
    "reasons",
    "completeness_error",
    "randomisation",
    "deletion",
    "insertion",
    "deletion_random",
    "infidelity",
    "max_sensitivity",
    "agreement",
)
"""Columns of the scorecard, in the order of the page."""

TRUTH_MEASURES = {
    "pointing_game": "pointing game",
    "share": "share of the evidence inside",
    "rank_accuracy": "rank accuracy",
}
"""Headings of further comparisons with the simulated truth, in the order of the page."""

_TITLES = {"methods": "Attribution methods, best first", "compartments": "Attribution by compartment of the nucleus"}


@dataclass(frozen=True)
class Scorecard:
    """What is known of each attribution method.

    Attributes
    ----------
    rows : tuple of mapping
        An entry per method, best first.
    tables : tuple of PageTable
        Further lists of the file.
    """

    rows: tuple[JsonObject, ...] = ()
    tables: tuple[PageTable, ...] = ()

    @property
    def judged(self) -> dict[str, str]:
        """Methods with a verdict, "passes" or "fails"."""
        return {row["method"]: row["verdict"] for row in self.rows if row.get("verdict")}

    @property
    def passing(self) -> list[str]:
        """Methods that pass every check, best first."""
        return [method for method, said in self.judged.items() if said == "passes"]

    def order(self, methods: Sequence[str]) -> tuple[str, ...]:
        """Methods as the scorecard ranks them; those that it lacks come last."""
        places = [row["method"] for row in self.rows]
        return tuple(sorted(methods, key=lambda name: (places.index(name) if name in places else len(places), name)))

    def badge(self, method: str) -> str:
        """What stands beside a map: "passes", "fails: …", or nothing where the method was not judged."""
        row = next((row for row in self.rows if row["method"] == method), {})
        said, reasons = str(row.get("verdict") or ""), [str(reason) for reason in row.get("reasons") or []]
        return f"{said}: {'; '.join(reasons)}" if said == "fails" and reasons else said


def read_scorecard(path: Path | None) -> Scorecard:
    """The scorecard of a file; an empty one where there is none."""
    content = {} if path is None else read_result(path)
    lists = {
        name: rows
        for name, rows in content.items()
        if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows)
    }
    methods = [row | {"method": row.get("method", row.get("name", ""))} for row in lists.pop("methods", [])]
    methods.sort(key=lambda row: (as_number(row.get("rank")) is None, as_number(row.get("rank")) or 0))
    tables = tuple(table_of(rows, _TITLES.get(name, words(name))) for name, rows in lists.items())
    return Scorecard(tuple(methods), tables)


def scorecard_tables(scorecard: Scorecard) -> list[PageTable]:
    """The scorecard as tables; columns that no method fills are left out, and so are details."""
    if not scorecard.rows:
        return []
    filled = [name for name in SCORES if any(row.get(name) not in (None, []) for row in scorecard.rows)]
    rows = [
        {name: row.get(name) for name in filled}
        | {"method": method_name(row["method"])}
        | ({"reasons": "; ".join(map(str, row.get("reasons") or []))} if "reasons" in filled else {})
        for row in scorecard.rows
    ]
    return [table_of(rows, _TITLES["methods"], order=SCORES), *scorecard.tables]


def compartment_table(path: Path | None) -> PageTable | None:
    """Attribution per compartment, channel and class."""
    rows = [] if path is None else read_result(path).get("enrichment") or []
    if not rows:
        return None
    shown = [
        {key: value for key, value in row.items() if key not in ("value", "ci")}
        | {"method": method_name(row.get("method", ""))}
        | {"value": {"value": row.get("value"), "ci": row.get("ci")}}
        for row in rows
    ]
    order = ("compartment", "channel", "label", "method", "value", "p")
    return table_of(shown, "Attribution per area, as a multiple of the rest of the nucleus", order=order)


def clustering_sentence(path: Path | None) -> str:
    """Whether the localizations with the highest attribution cluster."""
    content = {} if path is None else read_result(path)
    ratio = content.get("ratio")
    if not ratio:
        return ""
    most, near, far = (
        number_text(100 * content["share"]),
        *(number_text(content[key]) for key in ("near_nm", "far_nm")),
    )
    return (
        f"The {most} % of a nucleus's localizations with the highest attribution form {Interval.of(ratio)} times as "
        f"many pairs {near} to {far} nm apart as localizations drawn at random from it (p = {number_text(ratio['p'])})."
    )


def ground_truth(path: Path | None, channels: Sequence[str], scorecard: Scorecard) -> dict[str, Any] | None:
    """How far attribution finds the difference that was simulated.

    Parameters
    ----------
    path : path, optional
        `truth.json`; None for measured data.
    channels : sequence of str
        In the order of the columns.
    scorecard : Scorecard
        Gives the order of the methods.

    Returns
    -------
    dict or None
        `table`, and `best`: value, method and channel of the highest enrichment.
    """
    if path is None:
        return None
    found = read_result(path)
    enrichment = found["enrichment"]
    methods = scorecard.order(list(enrichment))
    measures = {title: found[name] for name, title in TRUTH_MEASURES.items() if isinstance(found.get(name), Mapping)}
    rows = [
        {"method": method_name(method)}
        | enrichment[method]
        | {title: values.get(method) for title, values in measures.items()}
        for method in methods
    ]
    flat = [(value, method, name) for method, values in enrichment.items() for name, value in values.items()]
    best = max((entry for entry in flat if as_number(entry[0]) is not None), default=None)
    caption = "Attribution per area where the difference was simulated, as a multiple of the rest of the nucleus"
    return {"table": table_of(rows, caption, order=("method", *channels), headings=False), "best": best}


def map_methods(path: Path | None, scorecard: Scorecard) -> tuple[str, ...]:
    """Methods that have a map for every nucleus, best first."""
    if path is None:
        return ()
    with open_file(path) as file:
        return scorecard.order([name for name in file if getattr(file[name], "ndim", 0) > 3])


def class_means(
    path: Path | None, methods: Sequence[str], dataset: DatasetSummary, classes: Sequence[str], scorecard: Scorecard
) -> list[Picture]:
    """The mean map of each class, a picture per method with its verdict.

    Parameters
    ----------
    path : path, optional
        The file of maps; without it there are no pictures.
    methods : sequence of str
        Methods to draw.
    dataset : DatasetSummary
        Gives class and channels.
    classes : sequence of str
        In the order of the picture.
    scorecard : Scorecard
        Gives the verdicts.

    Returns
    -------
    list of Picture
    """
    return [_class_mean(Path(path), method, dataset, classes, scorecard) for method in methods if path is not None]


def _class_mean(
    path: Path, method: str, dataset: DatasetSummary, classes: Sequence[str], scorecard: Scorecard
) -> Picture:
    labels = dataset.table.set_index("nucleus")["label"]
    with open_file(path) as file:
        own = labels.reindex(file["nucleus"].asstr()[()]).to_numpy()
        present = [name for name in classes if (own == name).any()]
        means = np.stack([_mean(file[method], np.flatnonzero(own == name)) for name in present])
    figure = class_mean_maps(means, present, classes, dataset.channels, dataset.voxel_nm)
    title = f"Mean attribution per class, {method_name(method)}"
    alt = f"{title}: a row per channel, a column per class. {scorecard.badge(method)}".strip()
    return Picture(method, title, data_uri(encode(figure, "png", dpi=90), "png"), alt)


def _mean(maps: Any, rows: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean over rows, read one by one: all maps together need not fit into memory."""
    total = np.zeros(maps.shape[1:])
    for row in rows:
        total += maps[row]
    return total / len(rows)


def checks_sentence(scorecard: Scorecard) -> str:
    """Which methods pass their checks."""
    if not scorecard.judged:
        return "The methods were not checked in this run: their maps may show what the network ignores."
    names = [method_name(name) for name in scorecard.passing]
    if not names:
        return "No method passes its checks: the maps below are no evidence."
    count = number_text(len(scorecard.judged))
    return f"Of {count} methods, {listed(names)} {'passes' if len(names) == 1 else 'pass'} every check."
