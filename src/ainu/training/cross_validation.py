"""A cross-validation, and the networks in it: each is trained on the nuclei that its fold does not hold out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ainu.files import write_json, write_table
from ainu.folds.partition import split_validation
from ainu.folds.table import read_folds, test_rows, training_rows
from ainu.images.augmentation import Augmentation
from ainu.images.dataset import Dataset, read
from ainu.images.views import Indices, views_of
from ainu.networks.model import make_network, save_model
from ainu.training.checkpoint import ResumeFile
from ainu.training.loop import Trained, choose_device, make_deterministic, nondeterminism, train
from ainu.training.recipe import Design
from ainu.training.transfer import initialise
from ainu.typed import typed


@dataclass(frozen=True)
class CrossValidation:
    """The nuclei of an experiment, which of them each fold holds out, and how its networks are trained.

    Attributes
    ----------
    dataset : Dataset
    folds : DataFrame
        As `folds.table.read_folds` gives it.
    design : Design
    seed : int
        Every random choice follows from it.
    threads : int
        CPU threads; weights are the same for the same number.
    initial : sequence of path
        Folders of models one of which gives the initial weights: one that saw no replicate held out here.
    """

    dataset: Dataset
    folds: pd.DataFrame
    design: Design
    seed: int
    threads: int
    initial: Sequence[str | Path] = ()

    @classmethod
    def of_job(cls, paths: Any, params: Any, threads: int) -> CrossValidation:
        """From what Snakemake hands to a script.

        Parameters
        ----------
        paths : snakemake.iocontainers.InputFiles
            `dataset` and `folds`.
        params : snakemake.iocontainers.Params
            `experiment` (a `Design` as a mapping), `seed` and perhaps `initial`.
        threads : int
            CPU threads of the job.

        Returns
        -------
        CrossValidation
        """
        design = typed(Design, params.experiment)
        nuclei = read(paths.dataset, memory_gb=design.training.memory_gb)
        return cls(nuclei, read_folds(paths.folds), design, params.seed, threads, params.get("initial", ()))

    def fit(self, repeat: int, fold: int) -> Fit:
        """The network of one fold of a repeat: trained on all nuclei but those held out there."""
        own = (self.folds["repeat"] == repeat) & (self.folds["fold"] == fold)
        return Fit(
            dataset=self.dataset,
            design=self.design,
            rows=rows_of(self.dataset, training_rows(self.folds, repeat, fold)),
            held_out=frozenset(self.folds.loc[own, "replicate"]),
            seed=own_seed(self.seed, repeat, fold),
            threads=self.threads,
            initial=self.initial,
            repeat=repeat,
            fold=fold,
        )

    def held_out(self, repeat: int, fold: int) -> pd.DataFrame:
        """Rows of `folds` of the nuclei that a fold of a repeat holds out."""
        own = self.folds[self.folds["repeat"] == repeat]
        return own[own["nucleus"].isin(test_rows(self.folds, repeat, fold))]

    @property
    def first_folds(self) -> list[int]:
        """Numbers of the folds of the first repeat."""
        return sorted(int(fold) for fold in self.folds.loc[self.folds["repeat"] == 0, "fold"].unique())


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One network to train: on which nuclei, and from which start.

    Attributes
    ----------
    dataset : Dataset
        Of N nuclei.
    design : Design
    rows : (n,) int
        Nuclei of the dataset to train on, those included by which the best epoch is chosen.
    held_out : set of str
        Replicates that the network will be tested on.
    seed, threads : int
    initial : sequence of path
        As for `CrossValidation`.
    repeat, fold : int
    """

    dataset: Dataset
    design: Design
    rows: Indices
    held_out: frozenset[str]
    seed: int
    threads: int
    initial: Sequence[str | Path] = ()
    repeat: int = 0
    fold: int = 0

    def run(self, resume: str | Path | None = None) -> tuple[Trained, dict[str, Any]]:
        """Train the network.

        Parameters
        ----------
        resume : path, optional
            Training goes on from this file, and keeps it up to date.

        Returns
        -------
        Trained
            The weights with their history.
        dict
            What `model.json` says of them.
        """
        make_deterministic(self.threads)
        design, dataset = self.design, self.dataset
        device = choose_device(design.training.device)
        validation = self.validation()
        network, source = self.start()
        inputs = views_of(dataset, design.network, design.intensity, self.augmentation())
        info = self.info(network, validation) | {"initial": source, "device": device.type}
        made_for = flat(info) | {"nuclei": digest_of(dataset, self.rows)}
        with nondeterminism() as warned:
            trained = train(
                network,
                inputs,
                dataset.codes(design.classes),
                self.rows[~validation],
                self.rows[validation],
                design.training,
                device,
                seed=self.seed,
                transfer=design.transfer,
                resume=ResumeFile(Path(resume), made_for) if resume else None,
            )
        found = {"epoch": trained.epoch, "precision": trained.precision, "not_deterministic": warned}
        return trained, info | found

    def augmentation(self) -> Augmentation:
        """How nuclei are changed in training.

        Where the filters do not move, neither does what their batch normalisation knows, nuclei as they are: images
        smoothed by turning would not match it.

        Returns
        -------
        Augmentation
        """
        asked = self.design.augmentation
        return asked.of_copies if self.design.transfer.mode == "frozen" else asked

    def validation(self) -> NDArray[np.bool_]:
        """(n,) which of the rows are held back to choose the best epoch."""
        fraction = self.design.training.validation_fraction
        return split_validation(self.dataset.table.iloc[self.rows], fraction=fraction, seed=self.seed)

    def start(self) -> tuple[torch.nn.Module, dict[str, Any] | None]:
        """The network with its initial weights, and where these come from (None: random)."""
        design, channels = self.design, self.dataset.channels
        shape = self.dataset.image.shape[2:]
        network = make_network(design.network, len(channels), len(design.classes), shape, self.seed)
        source = initialise(network, design.transfer, self.initial, set(self.held_out), self.fold, channels)
        return network, source

    def info(self, network: torch.nn.Module, validation: NDArray[np.bool_]) -> dict[str, Any]:
        """What `model.json` says of the network before it is trained; `validation` (n,) as `validation()` gives it."""
        design, replicates = self.design, self.dataset.replicate[self.rows]
        return {
            "classes": list(design.classes),
            "channels": list(self.dataset.channels),
            "shape": list(self.dataset.image.shape[2:]),
            "voxel_size_nm": self.dataset.voxel_size_nm,
            "network": design.network,
            "parameters": sum(values.numel() for values in network.parameters()),
            "intensity": design.intensity,
            "repeat": self.repeat,
            "fold": self.fold,
            "seed": self.seed,
            "threads": self.threads,
            "settings": {name: asdict(getattr(design, name)) for name in ("training", "augmentation", "transfer")},
            "training_replicates": sorted(set(replicates.tolist())),
            "validation_replicates": sorted(set(replicates[validation].tolist())),
            "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
        }


def rows_of(dataset: Dataset, nuclei: Any) -> Indices:
    """(n,) where nuclei stand in the dataset."""
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    return places[np.asarray(nuclei)].to_numpy()


def own_seed(seed: int, *which: int) -> int:
    """The seed of one training of several, which numbers tell from the others."""
    return int(np.random.SeedSequence([seed, *which]).generate_state(1)[0])


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings with dotted names, each after `above`."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return found


def digest_of(dataset: Dataset, rows: Indices) -> str:
    """SHA-256 of the nuclei (n,) that a network is trained on: images, names and labels."""
    digest = hashlib.sha256("\n".join([*dataset.nucleus[rows], *dataset.label[rows]]).encode())
    for row in rows:
        digest.update(np.ascontiguousarray(dataset.image[row]))
    return digest.hexdigest()


def train_fold(fit: Fit, folder: str | Path, speed: str | Path) -> None:
    """Train a network and write `model.safetensors`, `model.json` and `history.tsv` into a folder.

    While it trains, `resume.pt` lies there too. `speed` is JSON of its own, since it is never the same twice:
    `seconds_per_epoch`, the median over the epochs of this attempt (None if it had none left).

    Parameters
    ----------
    fit : Fit
        The network.
    folder, speed : path
        Where the model, and how long an epoch took, are written.
    """
    folder = Path(folder)
    trained, info = fit.run(folder / "resume.pt")
    write_table(folder / "history.tsv", trained.history)
    write_json(speed, {"seconds_per_epoch": float(np.median(trained.seconds)) if trained.seconds else None})
    save_model(folder, trained.weights, info)
    (folder / "resume.pt").unlink(missing_ok=True)
