"""Which nuclei a network is trained on: all but those of a fold, all but those of an inner fold too, or a few."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ainu.files import write_json, write_table
from ainu.folds.assign import assign_folds
from ainu.folds.table import test_rows, training_rows
from ainu.folds.validation import split_validation
from ainu.images.dataset import Dataset
from ainu.images.settings import Augmentation
from ainu.images.views import Indices, inputs_of
from ainu.networks.model import Model, make_network, save_model
from ainu.prediction.ensemble import probabilities
from ainu.prediction.out_of_fold import with_probabilities
from ainu.training.checkpoint import ResumeFile
from ainu.training.loop import Recipe, Trained, choose_device, make_deterministic, nondeterminism, train
from ainu.training.transfer import Transfer, initialise


@dataclass(frozen=True)
class Fit:
    """One network to train: on which nuclei, and from which start.

    Attributes
    ----------
    dataset : Dataset
    experiment : mapping
        `classes`, `network`, `intensity`, `training`, `augmentation`, `transfer`.
    rows : (n,) int
        Nuclei of the dataset to train on, those included by which the best epoch is chosen.
    held_out : set of str
        Replicates that the network will be tested on.
    seed : int
    threads : int
        CPU threads; weights are the same for the same number.
    initial : sequence of path
        Folders of models one of which gives the initial weights: one that saw no replicate held out here.
    repeat, fold : int
    """

    dataset: Dataset
    experiment: Mapping[str, Any]
    rows: Indices
    held_out: frozenset[str]
    seed: int
    threads: int
    initial: Sequence[str | Path] = ()
    repeat: int = 0
    fold: int = 0

    def run(self, resume: str | Path | None = None) -> tuple[Trained, dict[str, Any]]:
        """Train; the weights with their history, and what `model.json` says of them.

        With a `resume` path, training goes on from that file and keeps it up to date.
        """
        make_deterministic(self.threads)
        experiment, dataset = self.experiment, self.dataset
        device = choose_device(experiment["training"]["device"])
        validation = self.validation()
        network, source = self.start()
        inputs = inputs_of(dataset, experiment["network"], experiment["intensity"], self.augmentation())
        info = self.info(network, validation) | {"initial": source, "device": device.type}
        made_for = flat(info) | {"nuclei": digest_of(dataset, self.rows)}
        with nondeterminism() as warned:
            trained = train(
                network,
                inputs,
                dataset.codes(experiment["classes"]),
                self.rows[~validation],
                self.rows[validation],
                Recipe.of(experiment["training"], self.seed),
                device,
                transfer=Transfer.of(experiment["transfer"]),
                resume=ResumeFile(Path(resume), made_for) if resume else None,
            )
        found = {"epoch": trained.epoch, "precision": trained.precision, "not_deterministic": warned}
        return trained, info | found

    def augmentation(self) -> Augmentation:
        """How nuclei are changed in training.

        Where the filters do not move, neither does what their batch normalisation knows, nuclei as they are: images
        smoothed by turning would look strange to it.
        """
        asked = Augmentation.of(self.experiment["augmentation"])
        return asked.of_copies if Transfer.of(self.experiment["transfer"]).mode == "frozen" else asked

    def validation(self) -> Any:
        """(n,) bool, which of the rows are held back to choose the best epoch."""
        fraction = self.experiment["training"]["validation_fraction"]
        return split_validation(self.dataset.table.iloc[self.rows], fraction=fraction, seed=self.seed)

    def start(self) -> tuple[torch.nn.Module, dict[str, Any] | None]:
        """The network with its initial weights, and where these come from (None: random)."""
        experiment, channels = self.experiment, self.dataset.channels
        shape = self.dataset.image.shape[2:]
        network = make_network(experiment["network"], len(channels), len(experiment["classes"]), shape, self.seed)
        transfer = Transfer.of(experiment["transfer"])
        return network, initialise(network, transfer, self.initial, set(self.held_out), self.fold, channels)

    def info(self, network: torch.nn.Module, validation: Any) -> dict[str, Any]:
        """What `model.json` says of the network before it is trained."""
        experiment, replicates = self.experiment, self.dataset.replicate[self.rows]
        return {
            "classes": list(experiment["classes"]),
            "channels": list(self.dataset.channels),
            "shape": list(self.dataset.image.shape[2:]),
            "voxel_size_nm": self.dataset.voxel_size_nm,
            "network": experiment["network"],
            "parameters": sum(values.numel() for values in network.parameters()),
            "intensity": experiment["intensity"],
            "repeat": self.repeat,
            "fold": self.fold,
            "seed": self.seed,
            "threads": self.threads,
            "settings": {key: experiment[key] for key in ("training", "augmentation", "transfer")},
            "training_replicates": sorted(set(replicates.tolist())),
            "validation_replicates": sorted(set(replicates[validation].tolist())),
            "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
        }

    def predict(self, trained: Trained, info: dict[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
        """`rows` of nuclei with the class and the probabilities that the trained network gives them."""
        network, _ = self.start()
        network.load_state_dict(trained.weights)
        model = Model(network.requires_grad_(False).eval(), info)
        places = rows_of(self.dataset, rows["nucleus"])
        return with_probabilities(rows, probabilities(model, self.dataset, places), model.classes)


def rows_of(dataset: Dataset, nuclei: Any) -> Indices:
    """(n,) where nuclei stand in the dataset."""
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    return places[np.asarray(nuclei)].to_numpy()


def own_seed(seed: int, *which: int) -> int:
    """The seed of one training run, told by numbers."""
    return int(np.random.SeedSequence([seed, *which]).generate_state(1)[0])


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings with dotted names."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return found


def digest_of(dataset: Dataset, rows: Indices) -> str:
    """SHA-256 of the nuclei that a network is trained on: images, names and labels."""
    digest = hashlib.sha256("\n".join([*dataset.nucleus[rows], *dataset.label[rows]]).encode())
    for row in rows:
        digest.update(np.ascontiguousarray(dataset.image[row]))
    return digest.hexdigest()


def fold_fit(
    dataset: Dataset,
    folds: pd.DataFrame,
    experiment: Mapping[str, Any],
    *,
    repeat: int,
    fold: int,
    seed: int,
    threads: int,
    initial: Sequence[str | Path] = (),
) -> Fit:
    """The network of one fold of a repeat: trained on all nuclei but those held out there."""
    held_out = folds.loc[(folds["repeat"] == repeat) & (folds["fold"] == fold), "replicate"]
    return Fit(
        dataset,
        experiment,
        rows_of(dataset, training_rows(folds, repeat, fold)),
        frozenset(held_out),
        own_seed(seed, repeat, fold),
        threads,
        initial,
        repeat,
        fold,
    )


def train_fold(fit: Fit, folder: str | Path, speed: str | Path) -> None:
    """Train a network and write `model.safetensors`, `model.json` and `history.tsv` into a folder.

    While it trains, `resume.pt` lies there too. `speed` is JSON of its own, since it is never the same twice:
    `seconds_per_epoch`, the median over the epochs of this attempt (None if it had none left).
    """
    folder = Path(folder)
    trained, info = fit.run(folder / "resume.pt")
    write_table(folder / "history.tsv", trained.history)
    write_json(speed, {"seconds_per_epoch": float(np.median(trained.seconds)) if trained.seconds else None})
    save_model(folder, trained.weights, info)
    (folder / "resume.pt").unlink(missing_ok=True)


def inner_fold(fit: Fit, inner: int, inner_folds: int, output: str | Path) -> None:
    """Train without one inner fold of the training nuclei too, and write what the network says of that.

    From such predictions a sweep chooses, for each fold, without looking at its held-out nuclei (nested
    cross-validation: Varma and Simon, BMC Bioinformatics 2006). The inner folds depend on nothing but the nuclei and
    the seed, so that all runs of a sweep have the same ones.
    """
    nuclei = fit.dataset.table.iloc[fit.rows]
    table = assign_folds(nuclei, folds=inner_folds, repeats=1, seed=fit.seed).table
    within = fold_fit(
        fit.dataset,
        table,
        fit.experiment,
        repeat=0,
        fold=inner,
        seed=fit.seed,
        threads=fit.threads,
        initial=fit.initial,
    )
    held_out = frozenset(within.held_out | fit.held_out)
    within = Fit(**{**vars(within), "held_out": held_out})
    path = Path(output)
    resume = path.with_suffix(".resume.pt")
    trained, info = within.run(resume)
    chosen = table[table["nucleus"].isin(test_rows(table, 0, inner))]
    found = within.predict(trained, info, chosen)
    write_table(path, found.assign(outer_repeat=fit.repeat, outer_fold=fit.fold))
    resume.unlink(missing_ok=True)
