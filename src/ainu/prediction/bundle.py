"""A model bundle: a trained experiment in one folder, `ainu-model`, that predicts without the training data.

    ainu-model.json       classes, channels, images, calibration and thresholds (`describe`)
    models/repeat{r}-fold{k}/model.safetensors, model.json
    novelty.safetensors   where the training nuclei of each model lie in its feature space
    README.md             the model card
    SHA256SUMS            of all of these, as `sha256sum --check` reads it

This module needs no torch, so that a bundle can be compared with a config before any job starts.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ainu.errors import AinuError
from ainu.files import read_json, sha256, write_json
from ainu.prediction.model_card import model_card
from ainu.version import __version__

if TYPE_CHECKING:
    from ainu.images.settings import Render
    from ainu.prediction.ensemble import Ensemble

SCHEMA = 2
INFO, REFERENCES, CARD, SUMS = "ainu-model.json", "novelty.safetensors", "README.md", "SHA256SUMS"
OF_A_MODEL = ("model.safetensors", "model.json")
MODEL_PATH = re.compile(r"models/repeat\d+-fold\d+")
OF_CALIBRATION = ("threshold", "coverage", "replicates", "per_replicate")
MEASURES = ("n", "replicates", "metrics", "baselines", "warnings")
RENDER_KEYS = ("voxel_nm", "canvas_nm", "kernel", "dimensions", "voxel_z_nm", "depth_nm", "align", "precision_nm")
NEEDED = ("classes", "channels", "render", "views", "augmentation", "models", "temperature", "conformal", "ood")
VERSIONS_OF = ("torch", "monai", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Origin:
    """What the models of an experiment were made from.

    Attributes
    ----------
    experiment : str
        Its name.
    render : Render
        Of its images; a fitted canvas is replaced by the one that was measured.
    preparation : mapping
        The run's `drift`, `quality` and `nuclei` settings, as plain values.
    nuclei : mapping of str to int
        Training nuclei of each class.
    metrics : mapping
        The content of `metrics.json`.
    ood_quantile : float
        Quantile of the training nuclei's distances at which the threshold lies.
    """

    experiment: str
    render: Render
    preparation: Mapping[str, Any]
    nuclei: Mapping[str, int]
    metrics: Mapping[str, Any]
    ood_quantile: float

    @classmethod
    def read(
        cls,
        experiment: str,
        files: Mapping[str, str | Path],
        render: Render,
        preparation: Mapping[str, Any],
        ood_quantile: float,
    ) -> Origin:
        """From the files of an experiment.

        Parameters
        ----------
        experiment : str
            Its name.
        files : mapping of str to path
            `dataset` and `metrics`: `dataset.h5` and `metrics.json`.
        render, preparation, ood_quantile
            As in the attributes.

        Returns
        -------
        Origin
        """
        from ainu.images.dataset import read_labels

        nuclei = {str(name): n for name, n in read_labels(files["dataset"])["label"].value_counts().items()}
        return cls(experiment, render, preparation, nuclei, read_json(files["metrics"]), ood_quantile)


def describe(ensemble: Ensemble, origin: Origin) -> dict[str, Any]:
    """The content of `ainu-model.json`, in plain values."""
    info, calibration = ensemble.models[0].info, ensemble.calibration
    conformal = {key: getattr(calibration, key) for key in (*OF_CALIBRATION, "holds_for_new_replicates")}
    return {
        "schema": SCHEMA,
        "experiment": origin.experiment,
        **{key: info[key] for key in ("classes", "channels", "intensity", "views")},
        "augmentation": info["settings"]["augmentation"],
        "render": _measured(origin.render, info),
        "models": [f"models/{folder_name(model.info)}" for model in ensemble.models],
        "temperature": calibration.temperature,
        "conformal": conformal,
        "ood": {"threshold": ensemble.ood_threshold, "quantile": origin.ood_quantile},
        "prepared_with": dict(origin.preparation),
        "training": {
            "replicates": sorted({name for model in ensemble.models for name in model.info["training_replicates"]}),
            "nuclei": dict(origin.nuclei),
        },
        "out_of_fold": {key: origin.metrics[key] for key in MEASURES},
        "versions": {"ainu": __version__} | {name: version(name) for name in VERSIONS_OF},
    }


def _measured(render: Render, info: Mapping[str, Any]) -> dict[str, Any]:
    """The render, with the measured canvas where that was to be fitted."""
    fitted = isinstance(render.canvas_nm, str)
    return asdict(render) | ({"canvas_nm": info["canvas_nm"]} if fitted else {})


def folder_name(info: Mapping[str, Any]) -> str:
    """Name of a model's folder, from its `model.json`."""
    return f"repeat{info['repeat']}-fold{info['fold']}"


def write(folder: str | Path, ensemble: Ensemble, sources: Sequence[str | Path], origin: Origin) -> None:
    """Pack the models of an experiment; the folder appears under its name when it is complete.

    Parameters
    ----------
    folder : path
        The bundle to write; one that is there is replaced.
    ensemble : Ensemble
        The models, with their calibration.
    sources : sequence of path
        The folders that its models were read from, in the same order.
    origin : Origin
        What the models were made from.
    """
    folder = Path(folder)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    info = describe(ensemble, origin)
    for name, source in zip(info["models"], sources, strict=True):
        (part / name).mkdir(parents=True)
        for file in OF_A_MODEL:
            shutil.copyfile(Path(source) / file, part / name / file)
    write_json(part / INFO, info)
    _write_references(part / REFERENCES, info["models"], ensemble)
    (part / CARD).write_text(model_card(info), encoding="utf-8")
    sums = [f"{sha256(part / name)}  {name}\n" for name in _checked_files(info)]
    (part / SUMS).write_text("".join(sums), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _write_references(path: Path, names: Iterable[str], ensemble: Ensemble) -> None:
    from safetensors.numpy import save

    tensors = {
        f"{name}/{key}": values
        for name, reference in zip(names, ensemble.references, strict=True)
        for key, values in reference.tensors().items()
    }
    path.write_bytes(save(tensors))


def listed_files(info: Mapping[str, Any]) -> list[str]:
    """All files of a bundle, relative to its folder, from its `ainu-model.json`."""
    return [*_checked_files(info), SUMS]


def _checked_files(info: Mapping[str, Any]) -> list[str]:
    return [INFO, REFERENCES, CARD, *(f"{name}/{file}" for name in info["models"] for file in OF_A_MODEL)]


# --- reading ----------------------------------------------------------------------------------------------------------


def read_info(folder: str | Path) -> dict[str, Any]:
    """Read `ainu-model.json` of a bundle.

    Parameters
    ----------
    folder : path
        The bundle.

    Returns
    -------
    dict
        As `describe` makes it.

    Raises
    ------
    AinuError
        There is no bundle, or one of another version of ainu.
    """
    path = Path(folder) / INFO
    try:
        info = read_json(path)
    except OSError as error:
        raise AinuError(f"{path}: {error.strerror}; allowed: a folder that the rule `pack` wrote") from None
    except ValueError as error:
        raise AinuError(f"{path}: not JSON ({error}); copy the bundle again") from None
    found = info.get("schema") if isinstance(info, dict) else None
    if found != SCHEMA:
        raise AinuError(
            f"{path}: found schema {found!r}, allowed: {SCHEMA}; pack the experiment with this version of ainu"
        )
    missing = [key for key in NEEDED if key not in info]
    foreign = [name for name in info.get("models", []) if not MODEL_PATH.fullmatch(str(name))]
    if missing or foreign:
        what = f"keys {', '.join(missing)} are missing" if missing else f"found models {foreign}"
        raise AinuError(f"{path}: {what}; copy the bundle again")
    return info


def verify(folder: str | Path) -> None:
    """Check the files of a bundle against `SHA256SUMS`.

    Parameters
    ----------
    folder : path
        The bundle.

    Raises
    ------
    AinuError
        A file is missing, damaged or not listed.
    """
    folder = Path(folder)
    wanted, digests = _checked_files(read_info(folder)), _digests(folder / SUMS)
    for name in wanted:
        if name not in digests:
            raise AinuError(f"{folder / SUMS}: does not list {name}; copy the bundle again")
        if not (folder / name).is_file():
            raise AinuError(f"{folder / name}: no such file, though {SUMS} lists it; copy the bundle again")
        if sha256(folder / name) != digests[name]:
            raise AinuError(f"{folder / name}: damaged or edited (SHA-256 differs from {SUMS}); copy the bundle again")


def _digests(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise AinuError(f"{path}: cannot be read ({error}); copy the bundle again") from None
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def read(folder: str | Path) -> Ensemble:
    """Read a bundle, after the checks of `verify`: the models with their references and calibration."""
    from safetensors.numpy import load_file

    from ainu.networks.model import load_model
    from ainu.prediction.calibration import Calibration
    from ainu.prediction.ensemble import Ensemble
    from ainu.prediction.out_of_distribution import Reference

    verify(folder)
    folder, info = Path(folder), read_info(folder)
    tensors = load_file(folder / REFERENCES)
    conformal = info["conformal"]
    return Ensemble(
        tuple(load_model(folder / name) for name in info["models"]),
        tuple(Reference.from_tensors(_below(tensors, name)) for name in info["models"]),
        Calibration(info["temperature"], **{key: conformal[key] for key in OF_CALIBRATION}),
        info["ood"]["threshold"],
    )


def _below(tensors: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key.removeprefix(f"{name}/"): values for key, values in tensors.items() if key.startswith(f"{name}/")}


# --- against a config -------------------------------------------------------------------------------------------------


def mismatches(
    info: Mapping[str, Any], channels: Sequence[str], renders: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """How the images that a config makes differ from those that the models of a bundle were trained on.

    Parameters
    ----------
    info : mapping
        `ainu-model.json` of the bundle.
    channels : sequence of str
        The config's `channels`.
    renders : mapping
        The config's `renders`, every key filled.

    Yields
    ------
    str
        One line per mismatch: what is needed and what was found.
    """
    missing = [name for name in info["channels"] if name not in channels]
    if missing:
        yield (
            f"the models see the channels {', '.join(info['channels'])}; found in `channels`: "
            f"{', '.join(channels) or 'none'}; needed: {', '.join(missing)} too"
        )
    if fitting_render(info, renders) is None:
        found = [f"{name} ({_differences(info['render'], render)})" for name, render in renders.items()]
        yield (
            f"no render makes the images that the models were trained on; needed under `renders`, by any name: "
            f"{_shown(info['render'])}; found: {'; '.join(found) or 'none'}"
        )


def fitting_render(info: Mapping[str, Any], renders: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Name of the config's render that makes images like those of a bundle, if there is one."""
    return next((name for name, render in renders.items() if not _differences(info["render"], render)), None)


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {found.get(key)}" for key in RENDER_KEYS if found.get(key) != wanted.get(key))


def _shown(render: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {render[key]}" for key in RENDER_KEYS if render.get(key) is not None) + "}"


def preparation_differences(info: Mapping[str, Any], preparation: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Settings of `drift`, `quality` and `nuclei` that differ from those of the training data, one line each."""
    return [
        f"{section}.{key}: {preparation[section].get(key)}; for the training data: {value}"
        for section, settings in info["prepared_with"].items()
        for key, value in settings.items()
        if preparation[section].get(key) != value
    ]


def warn_of_other_preparation(folder: str | Path, preparation: Mapping[str, Mapping[str, Any]]) -> None:
    """Warn on stderr, and so in the job's log, of settings that differ from those of the bundle's training data."""
    for line in preparation_differences(read_info(folder), preparation):
        print(f"ainu: warning: prepared differently from the training data of {folder}: {line}", file=sys.stderr)
