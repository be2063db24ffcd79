"""What the user asked for: the config and the sample sheet, checked as a whole and filled with defaults.

The JSON Schemas beside this module say what each key and column may hold; `validation` and `cells` tell what does
not fit them. What no schema can say (a class without samples, a channel that no file has, ...) is a rule in `sections`,
`experiments`, `packed_models`, `sheet` or `against_sheet`. Every mistake is found before any job starts, and all
are reported at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ainu.attribution.catalogue import chosen_methods
from ainu.errors import AinuError
from ainu.settings.against_sheet import config_mistakes, sheet_mistakes
from ainu.settings.cells import rows_by_text
from ainu.settings.config import Config, Experiment
from ainu.settings.defaults import with_defaults
from ainu.settings.experiments import experiment_mistakes, missing_weights, networks_of
from ainu.settings.packed_models import model_mistakes
from ainu.settings.schemas import Tree, schema
from ainu.settings.sections import control_mistakes, section_mistakes
from ainu.settings.sheet import Sheet
from ainu.settings.validation import valid_part
from ainu.settings.wording import did_you_mean
from ainu.typed import typed

__all__ = ["Settings", "check", "schema"]


@dataclass(frozen=True, eq=False)
class Settings:
    """A config and its sample sheet without mistakes.

    Attributes
    ----------
    config : Config
        Every key filled. An experiment holds all keys of `defaults` and its own; its `channels` and `render` are names,
        never null.
    samples : DataFrame
        The sheet, one row per file, all text. Every optional column is there, '' where a cell is empty; `role` and
        `shard` are filled.
    shards : dict of str to tuple of str
        Shard -> its samples, in the order of the sheet.
    row_numbers : dict of str to list of int
        Sample -> its rows in the file; the header is row 1.
    """

    config: Config
    samples: pd.DataFrame
    shards: dict[str, tuple[str, ...]]
    row_numbers: dict[str, list[int]]

    def rows(self, sample: str) -> list[dict[str, str]]:
        """The sheet's rows of a sample, one per file.

        Parameters
        ----------
        sample : str
            A name of the sheet.

        Returns
        -------
        list of dict of str to str

        Raises
        ------
        AinuError
            No such sample.
        """
        return _known(self._by_sample, sample, "sample")

    def experiment(self, name: str) -> Experiment:
        """All settings of an experiment.

        Parameters
        ----------
        name : str
            A name of the config.

        Returns
        -------
        Experiment

        Raises
        ------
        AinuError
            No such experiment.
        """
        return _known(self.config.experiments, name, "experiment")

    def samples_of(self, experiment: str) -> list[str]:
        """Samples that an experiment trains on (role `train`, a label among its classes), in the order of the sheet."""
        self.experiment(experiment)
        return list(self._by_experiment[experiment])

    @cached_property
    def _by_experiment(self) -> dict[str, tuple[str, ...]]:
        trained = self.samples[self.samples["role"].eq("train")].drop_duplicates("sample")
        classes = {name: experiment.classes for name, experiment in self.config.experiments.items()}
        return {name: tuple(trained.loc[trained["label"].isin(own), "sample"]) for name, own in classes.items()}

    @cached_property
    def _by_sample(self) -> dict[str, list[dict[str, str]]]:
        grouped: dict[str, list[dict[str, str]]] = {}
        for row in self.samples.to_dict("records"):
            grouped.setdefault(row["sample"], []).append({str(name): cell for name, cell in row.items()})
        return grouped


def check(config: Mapping[str, Any], root: str | Path = ".", *, source: str = "config") -> Settings:
    """Check a config and the sheet it names, and fill in the defaults.

    Parameters
    ----------
    config : mapping
        As read from YAML.
    root : path
        Folder that the paths in config and sheet are relative to.
    source : str
        What messages call the config; its file's name, say.

    Returns
    -------
    Settings

    Raises
    ------
    AinuError
        Lists every mistake, one per line: file, row or key, what was found, what is allowed.
    """
    if unprintable := list(control_mistakes(config)):
        raise AinuError("\n".join(f"{source}: {line}" for line in unprintable))
    given, mistakes = valid_part(config)
    filled = with_defaults(given)
    mistakes += section_mistakes(filled, given)
    mistakes += experiment_mistakes(filled, given)
    sheet = Sheet.read(filled.get("samples"), Path(root))
    mistakes += config_mistakes(filled, given, sheet)
    mistakes += model_mistakes(filled, given, Path(root))
    mistakes += missing_weights(filled, Path(root))
    lines = [f"{source}: {line}" for line in mistakes] + sheet_mistakes(filled, sheet)
    if lines:
        raise AinuError("\n".join(dict.fromkeys(lines)))
    return _settled(_typed(filled), sheet.table)


def _typed(filled: Tree) -> Config:
    """The config as dataclasses, with the attribution methods that each network allows where it names none."""
    settled = {key: value for key, value in filled.items() if key != "defaults"}
    for own in settled["experiments"].values():
        own["attribution"]["methods"] = chosen_methods(networks_of(own), own["attribution"]["methods"])
    return typed(Config, settled)


def _settled(config: Config, table: pd.DataFrame) -> Settings:
    samples, numbers = table.reset_index(drop=True), rows_by_text(dict(table["sample"]))
    shard_of = _shards(samples, config.shard_size)
    samples["shard"] = samples["sample"].map(shard_of).astype(object)
    shards: dict[str, list[str]] = {}
    for sample, shard in shard_of.items():
        shards.setdefault(shard, []).append(sample)
    return Settings(config, samples, {shard: tuple(members) for shard, members in shards.items()}, numbers)


def _shards(samples: pd.DataFrame, shard_size: int | str) -> dict[str, str]:
    """Sample -> shard; the place in the sheet counts, so that a shard given by hand never moves another sample."""
    firsts = samples.drop_duplicates("sample")
    places = zip(firsts["sample"], firsts["shard"], _automatic_shards(shard_size), strict=False)
    return {sample: own or automatic for sample, own, automatic in places}


def _automatic_shards(shard_size: int | str) -> Iterator[str]:
    """The shard of each place in the sheet, without end.

    How many places a shard takes depends on its number alone: rows added at the end move no sample to another shard,
    and yet a hundred thousand samples are a thousand shards.

    Yields
    ------
    str
    """
    for k in itertools.count():
        size = min(16 << k // 128, 128) if shard_size == "auto" else int(shard_size)
        yield from itertools.repeat(f"s{k + 1:04d}", size)


def _known(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise AinuError(f"no {what} {name!r}{did_you_mean(name, table)}")
    return table[name]
