"""The config against the sample sheet: classes, channels, replicates and outlines that the sheet does not have."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ainu.settings.schemas import Tree
from ainu.settings.sheet import Sheet, cells_by_sample
from ainu.settings.wording import did_you_mean, joined, numbered, one_of, place_of

FROM_IMAGES = {"roi": "an ImageJ .roi or .zip", "labels": "a label image (.tif)"}


def sheet_mistakes(config: Tree, sheet: Sheet) -> list[str]:
    """What is wrong with the sheet by itself, and what it lacks for this config."""
    if not sheet.usable:
        return sheet.mistakes
    outlines = _missing_outlines(sheet, config["nuclei"]["method"]) if config["nuclei"]["method"] in FROM_IMAGES else []
    return [*sheet.mistakes, *sheet.contradictions(), *_lacking_channels(config, sheet), *outlines]


def _missing_outlines(sheet: Sheet, method: str) -> list[str]:
    outlined = set(sheet.table.loc[sheet.table["roi"].ne(""), "sample"])
    without = sheet.table[~sheet.table["sample"].isin(outlined)]
    rows = list(without.index)
    if not rows:
        return []
    return [f"{sheet.path}, {numbered(rows)}, roi: empty; needed: {FROM_IMAGES[method]} (nuclei.method is {method})"]


def config_mistakes(config: Tree, given: Tree, sheet: Sheet) -> list[str]:
    """What the config asks for and the sheet does not have.

    Parameters
    ----------
    config : dict
        The config with every key.
    given : dict
        The config as the user wrote it, expanded.
    sheet : Sheet
        As it was read.

    Returns
    -------
    list of str
    """
    if not sheet.usable:
        return []
    lines = [*_channels_of_no_file(config, sheet)]
    for name, experiment in config["experiments"].items():
        if experiment.get("classes"):
            lines += [*_classes_without_samples(name, experiment["classes"], given, sheet)]
            lines += [*_few_replicates(name, experiment, given, sheet)]
    return lines


def _channels_of_no_file(config: Tree, sheet: Sheet) -> Iterator[str]:
    there = {name: None for names in sheet.channels.values() for name in names}
    unread = [text for text in sheet.table["channels"].unique() if text not in sheet.channels]
    for channel in config.get("channels") or []:
        if channel not in there and not any(channel in text for text in unread):
            yield f"channels: {one_of(channel, list(there))} (the channels of {sheet.path})"


def _classes_without_samples(name: str, classes: list[str], given: Tree, sheet: Sheet) -> Iterator[str]:
    training = sheet.samples[sheet.samples["role"].eq("train")]
    labels = [label for label in dict.fromkeys(training["label"]) if label]
    for label in classes:
        if label not in labels:
            yield (
                f"{place_of(name, 'classes', given)}: found {label!r}, a class without samples of role train in "
                f"{sheet.path}; labels there: {joined(labels)}{did_you_mean(label, labels)}"
            )


def _few_replicates(name: str, experiment: Tree, given: Tree, sheet: Sheet) -> Iterator[str]:
    folds, samples = experiment["folds"], sheet.samples
    chosen = samples[samples["role"].eq("train") & samples["label"].isin(experiment["classes"])]
    by_class = chosen.groupby("label")["replicate"].nunique()
    total, place = chosen["replicate"].nunique(), f"{place_of(name, 'folds', given)}: found {folds}"
    if folds is None or chosen.empty:
        return
    if total < folds:
        each = ", ".join(f"{label}: {by_class[label]}" for label in experiment["classes"] if label in by_class)
        yield (
            f"{place}, but its samples have {total} replicates in all ({each}) and {folds} are needed; "
            f"add replicates that hold every class{_or_lower(by_class.min())}"
        )
        return
    for label in experiment["classes"]:
        if by_class.get(label, folds) < folds:
            yield (
                f"{place}, but class {label!r} has {by_class[label]} replicates and {folds} are needed; "
                f"add a replicate that holds {label!r}{_or_lower(by_class[label])}"
            )
    yield from _few_inner_replicates(name, experiment, by_class)


def _few_inner_replicates(name: str, experiment: Tree, by_class: pd.Series) -> Iterator[str]:
    """Inner folds that the replicates left to train on cannot fill, when a fold holds its share of each class."""
    inner, folds = (experiment["sweep"] or {}).get("inner_folds", 0), experiment["folds"]
    for label in experiment["classes"]:
        left = by_class.get(label, 0) - -(-by_class.get(label, 0) // folds)
        if left < inner:
            yield (
                f"experiments.{name}.sweep.inner_folds: found {inner}, but class {label!r} has {left} replicates to "
                f"train on in some of {folds} folds; allowed: 0, or at least 2 and at most the replicates of each class"
            )


def _or_lower(folds: int) -> str:
    return f", or lower folds to {folds}" if folds >= 2 else ""


def _lacking_channels(config: Tree, sheet: Sheet) -> list[str]:
    """Samples without a channel that an experiment with their class uses, those of the held-out test set included."""
    there = {name for names in sheet.channels.values() for name in names}
    users: dict[str, dict[str, list[str]]] = {}
    for name, experiment in config["experiments"].items():
        for label in experiment.get("classes") or []:
            for channel in there.intersection(experiment["channels"] or []):
                users.setdefault(label, {}).setdefault(channel, []).append(name)
    return [line for label, channels in users.items() for line in _lacking(label, channels, sheet)]


def _lacking(label: str, channels: dict[str, list[str]], sheet: Sheet) -> Iterator[str]:
    samples = sheet.samples.loc[sheet.samples["label"].eq(label), "sample"]
    rows = sheet.table[sheet.table["sample"].isin(samples)]
    for sample, texts in cells_by_sample(rows, "channels").items():
        if any(text not in sheet.channels for text in texts.values()):
            continue
        found = list(dict.fromkeys(name for text in texts.values() for name in sheet.channels[text]))
        for channel in sorted(set(channels) - set(found)):
            yield (
                f"{sheet.path}, {numbered(list(texts))}, channels: found {joined(found)} for the sample {sample!r}, "
                f"needed: {channel} too, which {joined(f'experiments.{name}' for name in channels[channel])} uses"
            )
