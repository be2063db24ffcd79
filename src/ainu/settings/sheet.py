"""The sample sheet as a table, with the mistakes that it holds by itself."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from ainu.errors import AinuError
from ainu.settings.cells import cell_mistakes, channels_in, rows_by_text
from ainu.settings.schemas import schema_of
from ainu.settings.sheet_text import header_and_rows
from ainu.settings.wording import numbered, one_of, shown

SAME_IN_A_SAMPLE = ("label", "replicate", "batch", "role", "shard")


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sample sheet with the mistakes that it holds by itself.

    `table` has every column, and as its index the number of the row in the file (the header is row 1). It is `usable`
    if its mistakes are in cells only, so that comparing it with the config makes sense.
    """

    path: str
    table: pd.DataFrame
    mistakes: list[str]
    root: Path
    usable: bool = True

    @classmethod
    def read(cls, path: str | None, root: Path) -> Sheet:
        """The sheet at a path below `root`; not usable where it cannot be read or there is none."""
        empty = pd.DataFrame(columns=list(schema_of("samples")["properties"]), dtype=object)
        if not path:
            return cls("", empty, [], root, usable=False)
        try:
            header, rows = header_and_rows(path, root)
        except AinuError as error:
            return cls(path, empty, [str(error)], root, usable=False)
        wrong_header = [f"{path}, row 1: {line}" for line in _header_mistakes(header)]
        wrong_length = [f"{path}, row {number}: {line}" for number, line in _length_mistakes(header, rows)]
        table = _table(header, rows)
        wrong_cells = [f"{path}, {line}" for line in cell_mistakes(table, header, root)]
        missing = set(schema_of("samples")["required"]) - set(header)
        return cls(path, table, wrong_header + wrong_length + wrong_cells, root, usable=not missing)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The first row of each sample."""
        return self.table.drop_duplicates("sample")

    @cached_property
    def channels(self) -> dict[str, tuple[str, ...]]:
        """Channels by the text of a cell; texts that cannot be read are left out."""
        parsed = {text: channels_in(text) for text in self.table["channels"].unique()}
        return {text: names for text, names in parsed.items() if names}

    def contradictions(self) -> list[str]:
        """Rows of one sample that do not fit each other."""
        shared = self.table[self.table["sample"].duplicated(keep=False) & self.table["sample"].ne("")]
        lines = [*self._repeated_channels(shared)]
        for column in SAME_IN_A_SAMPLE:
            lines += self._disagreements(shared, column)
        lines += self._disagreements(shared[shared["roi"].ne("")], "roi")
        lines += [*self._shared_files(), *self._replicates_of_two_roles(), *self._replicates_of_two_batches()]
        return [f"{self.path}, {line}" for line in lines]

    def _repeated_channels(self, shared: pd.DataFrame) -> Iterator[str]:
        first: dict[tuple[str, str], int] = {}
        for row, sample, text in zip(shared.index, shared["sample"], shared["channels"], strict=True):
            for channel in self.channels.get(text, ()):
                before = first.setdefault((sample, channel), row)
                if before != row:
                    yield (
                        f"row {row}, channels: found {channel!r} again for the sample {sample!r} "
                        f"(row {before} has it); allowed: each channel of a sample once"
                    )

    def _shared_files(self) -> Iterator[str]:
        """The same nuclei in two samples could be trained on and tested on."""
        files = self.table.loc[self.table["path"].ne("") & self.table["sample"].ne(""), ["path", "sample"]]
        first: dict[str, tuple[int, str]] = {}
        for row, path, sample in zip(files.index, files["path"], files["sample"], strict=True):
            if "\0" in path:
                continue
            before, other = first.setdefault(os.path.realpath(self.root / path), (row, sample))
            if other != sample:
                yield (
                    f"row {row}, path: found {path!r} for the sample {sample!r}, which is the file of the sample "
                    f"{other!r} (row {before}); allowed: each file in one sample"
                )

    def _replicates_of_two_roles(self) -> Iterator[str]:
        for replicate, own in self.samples[self.samples["replicate"].ne("")].groupby("replicate", sort=False):
            rows = rows_by_text(dict(zip(own.index, own["role"], strict=True)))
            if {"train", "test"} <= set(rows):
                yield (
                    f"{numbered(rows['test'])}, role: found 'test' for the replicate {replicate!r}, which has 'train' "
                    f"in {numbered(rows['train'])}; allowed: one role for all samples of a replicate"
                )

    def _replicates_of_two_batches(self) -> Iterator[str]:
        for replicate, own in self.samples[self.samples["replicate"].ne("")].groupby("replicate", sort=False):
            rows = rows_by_text(dict(zip(own.index, own["batch"], strict=True)))
            if len(rows) > 1:
                found = [f"{shown(text)} in {numbered(places)}" for text, places in rows.items()]
                yield (
                    f"{numbered(list(rows.values())[1])}, batch: found {' and '.join(found)} for the replicate "
                    f"{replicate!r}; allowed: one batch for all samples of a replicate"
                )

    def _disagreements(self, shared: pd.DataFrame, column: str) -> Iterator[str]:
        for sample, cells in cells_by_sample(shared, column).items():
            by_text = rows_by_text(cells)
            if len(by_text) > 1:
                found = [f"{shown(text)} in row {rows[0]}" for text, rows in by_text.items()]
                yield (
                    f"{numbered(list(cells))}, {column}: found {' and '.join(found)} for the sample {sample!r}; "
                    "allowed: the same in all its rows"
                )


def _header_mistakes(header: list[str]) -> Iterator[str]:
    spec = schema_of("samples")
    for column in spec["required"]:
        if column not in header:
            yield f"missing column {column!r}: {spec['properties'][column]['description']}"
    for column, count in Counter(header).items():
        if column not in spec["properties"]:
            yield f"unknown column {one_of(column, list(spec['properties'])).removeprefix('found ')}"
        elif count > 1:
            yield f"column {column!r} found {count} times, allowed: once"


def _length_mistakes(header: list[str], rows: dict[int, list[str]]) -> Iterator[tuple[int, str]]:
    for number, row in rows.items():
        if any(row[len(header) :]):
            yield number, f"found {len(row)} cells, allowed: {len(header)}, as in the header"


def _table(header: list[str], rows: dict[int, list[str]]) -> pd.DataFrame:
    place = {column: header.index(column) for column in schema_of("samples")["properties"] if column in header}
    columns = {
        column: [row[index] if index < len(row) else "" for row in rows.values()] for column, index in place.items()
    }
    table = pd.DataFrame(columns, index=list(rows), dtype=object)
    for column, spec in schema_of("samples")["properties"].items():
        default = spec.get("default", "")
        table[column] = table[column].replace("", default) if column in table else default
    return table[list(schema_of("samples")["properties"])].astype(object)


def cells_by_sample(table: pd.DataFrame, column: str) -> dict[str, dict[int, str]]:
    """Sample -> row number -> its cell in a column."""
    grouped: dict[str, dict[int, str]] = {}
    for row, sample, text in zip(table.index, table["sample"], table[column], strict=True):
        grouped.setdefault(sample, {})[row] = text
    return grouped
