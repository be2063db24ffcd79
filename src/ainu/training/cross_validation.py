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
from torch import Tensor

from ainu.files import write_json, write_table
from ainu.folds.partition import split_validation
from ainu.folds.table import read_folds, test_rows, training_rows
from ainu.images.dataset import Dataset, read
from ainu.images.views import Indices, view_of
from ainu.networks.model import make_network, save_model
from ainu.networks.seen import CONTEXT, IMAGE, Seen
from ainu.prediction.pooling import logits_of
from ainu.training.checkpoint import ResumeFile
from ainu.training.loop import Trained, choose_device, make_deterministic, nondeterminism, train
from ainu.training.recipe import Design
from ainu.training.shares import comparable, fit_shares, parts_of
from ainu.training.transfer import initialise
from ainu.typed import typed

RESUME = "resume"
"""Under this name trainings are kept that are under way."""


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
        Nuclei of the dataset to train on, those included by which the best step is chosen.
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

    def run(self, resume: str | Path | None = None) -> tuple[dict[str, Trained], dict[str, Any]]:
        """Train the network of every view, and find how much each one's logits count.

        Parameters
        ----------
        resume : path, optional
            Training goes on from files of this name with the view in it, and keeps them up to date.

        Returns
        -------
        dict of str to Trained
            By view: the weights with their history.
        dict
            What `model.json` says of them.
        """
        make_deterministic(self.threads)
        validation, seen = self.validation(), self.seen()
        with nondeterminism() as warned:
            found = {own.view: self.train_view(own, self.rows, validation, resume) for own in seen}
            shares = self.shares(seen, resume)
        info = self.info(validation)
        info["views"] = {own.view: self.view_info(own, *found[own.view], shares[own.view]) for own in seen}
        return {view: trained for view, (trained, _) in found.items()}, info | {"not_deterministic": warned}

    def seen(self) -> list[Seen]:
        """What the network of each view sees."""
        dataset, views = self.dataset, self.design.views
        whole = (dataset.image.shape[2:], dataset.voxel_size_nm, dataset.voxel_z_nm)
        if views is None:
            return [Seen(IMAGE, *whole)]
        parts = [views.detail.seen(views.dimensions)] if views.detail else []
        return [*parts, Seen(CONTEXT, *whole)] if views.context else parts

    def architecture(self, seen: Seen) -> str:
        """Name of the network of a view."""
        own = getattr(self.design.views, seen.view, None)
        return (own.network if own else None) or self.design.network

    def train_view(
        self,
        seen: Seen,
        rows: Indices,
        validation: NDArray[np.bool_],
        resume: str | Path | None = None,
        *,
        part: str = "",
    ) -> tuple[Trained, dict[str, Any] | None]:
        """Train the network of a view on some nuclei.

        Parameters
        ----------
        seen : Seen
            The view.
        rows : (n,) int
            Nuclei to train on, those included by which the best step is chosen.
        validation : (n,) bool
            Which of them these are.
        resume : path, optional
            As for `run`.
        part : str
            Tells trainings of the same view apart.

        Returns
        -------
        Trained
        dict, optional
            Where the initial weights come from.
        """
        design, dataset = self.design, self.dataset
        device = choose_device(design.training.device)
        network, source = self.start(seen)
        made_for = flat(self.info(validation) | {"initial": source, "device": device.type})
        made_for |= {"network": self.architecture(seen), "seen": str(seen), "part": part}
        made_for |= {"nuclei": digest_of(dataset, rows)}
        path = Path(f"{resume}.{seen.view}{part}.pt") if resume else None
        trained = train(
            network,
            view_of(dataset, seen, design.intensity, design.augmentation),
            dataset.codes(design.classes),
            rows[~validation],
            rows[validation],
            design.training,
            device,
            seed=own_seed(self.seed, *seen.view.encode(), *part.encode()),
            transfer=design.transfer,
            resume=ResumeFile(path, made_for) if path else None,
        )
        return trained, source

    def shares(self, seen: Sequence[Seen], resume: str | Path | None = None) -> dict[str, float]:
        """How much the logits of each view count, by networks that have not seen a part of the training nuclei.

        Parameters
        ----------
        seen : sequence of Seen
            The views.
        resume : path, optional
            As for `run`.

        Returns
        -------
        dict of str to float
            All 1 where there is one view, or a class has too few nuclei.
        """
        parts = parts_of(self.dataset, self.rows, self.seed)[::-1] if len(seen) > 1 else []
        name = "-half" if len(parts) == 2 else "-part"
        if not parts:
            return {own.view: 1.0 for own in seen}
        logits: dict[str, list[NDArray[np.float64]]] = {own.view: [] for own in seen}
        for number, other in enumerate(parts):
            own = np.concatenate([part for k, part in enumerate(parts) if k != number])
            none = np.zeros(len(own), bool)
            for view in seen:
                trained, _ = self.train_view(view, own, none, resume, part=f"{name}{number}")
                network, _ = self.start(view)
                network.load_state_dict(trained.weights)
                inputs = view_of(self.dataset, view, self.design.intensity, self.design.augmentation)
                logits[view.view].append(logits_of(network, inputs, other).numpy())
        labels = [self.dataset.codes(self.design.classes)[other] for other in parts]
        found = {view: comparable(values, labels) for view, values in logits.items()}
        return fit_shares(found, np.concatenate(labels))

    def validation(self) -> NDArray[np.bool_]:
        """(n,) which of the rows are held back to choose the best step."""
        fraction = self.design.training.validation_fraction
        return split_validation(self.dataset.table.iloc[self.rows], fraction=fraction, seed=self.seed)

    def start(self, seen: Seen) -> tuple[torch.nn.Module, dict[str, Any] | None]:
        """The network of a view with its initial weights, and where these come from (None: random)."""
        design, channels = self.design, self.dataset.channels
        made = (len(channels), len(design.classes), seen.shape, self.seed)
        network = make_network(self.architecture(seen), *made)
        held_out = set(self.held_out)
        source = initialise(network, seen.view, design.transfer, self.initial, held_out, self.fold, channels)
        return network, source

    def view_info(self, seen: Seen, trained: Trained, source: dict[str, Any] | None, share: float) -> dict[str, Any]:
        """What `model.json` says of the network of a view.

        Parameters
        ----------
        seen : Seen
            The view.
        trained : Trained
            What came out of its training.
        source : dict, optional
            Where its initial weights come from.
        share : float
            How much its logits count.

        Returns
        -------
        dict
        """
        return {
            "network": self.architecture(seen),
            "shape": list(seen.shape),
            "voxel_nm": seen.voxel_nm,
            "voxel_z_nm": seen.voxel_z_nm,
            "parameters": parameters_of(trained.weights),
            "share": share,
            "step": trained.step,
            "precision": trained.precision,
            "initial": source,
        }

    def info(self, validation: NDArray[np.bool_]) -> dict[str, Any]:
        """What `model.json` says of the networks before they are trained; `validation` (n,) as for `train_view`."""
        design, replicates = self.design, self.dataset.replicate[self.rows]
        chosen = replicates[validation] if len(validation) == len(replicates) else replicates[:0]
        return {
            "classes": list(design.classes),
            "channels": list(self.dataset.channels),
            "canvas_nm": self.dataset.image.shape[-1] * self.dataset.voxel_size_nm,
            "intensity": design.intensity,
            "repeat": self.repeat,
            "fold": self.fold,
            "seed": self.seed,
            "threads": self.threads,
            "device": choose_device(design.training.device).type,
            "settings": {name: asdict(getattr(design, name)) for name in ("training", "augmentation", "transfer")},
            "training_replicates": sorted(set(replicates.tolist())),
            "validation_replicates": sorted(set(chosen.tolist())),
            "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
        }


def parameters_of(weights: Mapping[str, Tensor]) -> int:
    """Number of values (...) that are trained, not counting what batch normalisation has seen."""
    seen = ("running_mean", "running_var", "num_batches_tracked")
    return sum(values.numel() for name, values in weights.items() if not name.endswith(seen))


def named_weights(trained: Mapping[str, Trained]) -> dict[str, Tensor]:
    """The weights (...) of all views' networks in one, as `model.safetensors` holds them."""
    return {f"{view}.{name}": value for view, own in trained.items() for name, value in own.weights.items()}


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
        for points in filter(None, (dataset.points, dataset.detail)):
            own = points.of(int(row))
            digest.update(np.ascontiguousarray(own.position))
            digest.update(np.ascontiguousarray(own.channel))
    return digest.hexdigest()


def train_fold(fit: Fit, folder: str | Path, speed: str | Path) -> None:
    """Train the networks of a fold and write `model.safetensors`, `model.json` and `history.tsv` into a folder.

    While they train, `resume.*.pt` lie there too. `speed` is JSON of its own, since it is never the same twice:
    `seconds_per_step`, over the steps of this attempt (None if it had none left), all views together.

    Parameters
    ----------
    fit : Fit
        The networks.
    folder, speed : path
        Where the model, and how long a step took, are written.
    """
    folder = Path(folder)
    trained, info = fit.run(folder / RESUME)
    write_table(folder / "history.tsv", pd.concat([own.history.assign(view=view) for view, own in trained.items()]))
    seconds = [own.seconds for own in trained.values()]
    write_json(speed, {"seconds_per_step": None if None in seconds else float(sum(filter(None, seconds)))})
    save_model(folder, named_weights(trained), info)
    forget(folder / RESUME)


def forget(resume: str | Path) -> None:
    """Remove what trainings kept to go on from, under this name."""
    for path in Path(resume).parent.glob(f"{Path(resume).name}.*.pt"):
        path.unlink()
