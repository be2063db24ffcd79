"""Data: how many nuclei, samples and replicates there are of each class."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ainu.report.sources import DatasetSummary
from ainu.report.tables import PageTable, table_of


def data_tables(dataset: DatasetSummary, classes: Sequence[str]) -> list[PageTable]:
    """Nuclei, samples and replicates per class; nuclei per replicate and class."""
    table = dataset.table
    per_class = [
        {
            "class": name,
            "nuclei": len(own),
            "samples": own["sample"].nunique(),
            "replicates": own["replicate"].nunique(),
        }
        | {f"median {column}": float(own[column].median()) for column in dataset.measures}
        for name in classes
        for own in [table[table["label"] == name]]
    ]
    counts = pd.crosstab(table["replicate"], table["label"]).reindex(columns=list(classes), fill_value=0)
    per_replicate = pd.DataFrame(
        {"replicate": counts.index} | {f"{name} nuclei": counts[name].array for name in classes}
    )
    return [
        table_of(per_class, "Nuclei per class"),
        table_of(per_replicate, "Nuclei per replicate and class", headings=False),
    ]
