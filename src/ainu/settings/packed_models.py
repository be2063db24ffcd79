"""Model bundles that predict: whether each can be read and fits this config."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ainu.errors import AinuError
from ainu.prediction.bundle import mismatches, read_info
from ainu.settings.schemas import Tree


def model_mistakes(config: Tree, given: Tree, root: Path) -> Iterator[str]:
    """Bundles that cannot be read or were trained on other images than this config makes; and nothing to do at all.

    Parameters
    ----------
    config : dict
        The config with every key.
    given : dict
        The config as the user wrote it, expanded.
    root : Path
        The folder that paths are relative to.

    Yields
    ------
    str
    """
    models, told = config["predict"]["models"], "experiments" in given and given["experiments"] is None
    if not (config["experiments"] or models or told):
        found = "found {}" if "experiments" in given else "missing"
        yield f"experiments: {found}; needed: at least one experiment here, or a model under predict.models"
    for name, folder in models.items():
        if name in config["experiments"]:
            yield f"predict.models.{name}: found {name!r}, which is an experiment too; allowed: another name"
        if folder is not None:
            yield from (f"predict.models.{name}: {line}" for line in _bundle_mistakes(root / folder, config))


def _bundle_mistakes(folder: Path, config: Tree) -> list[str]:
    try:
        return list(mismatches(read_info(folder), config.get("channels") or [], config["renders"]))
    except AinuError as error:
        return [str(error)]
