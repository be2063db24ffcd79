"""Nuclei that a tiny network learns in a second: spots (class `bright`) or even noise (class `dim`)."""

from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from defaults import augmentation as default_augmentation
from defaults import recipe as default_recipe
from defaults import transfer as default_transfer
from torch import nn

from ainu.images.binning import bin_counts
from ainu.images.dataset import Dataset, Points
from ainu.images.sparse_grid import order_by_place
from ainu.images.views import Whole
from ainu.networks.model import Encoder, Model
from ainu.networks.seen import IMAGE, Seen
from ainu.training.cross_validation import CrossValidation
from ainu.training.loop import train
from ainu.training.recipe import Design, Recipe

CLASSES = ["dim", "bright"]
CPU = torch.device("cpu")


def tiny(seed: int = 0) -> nn.Module:
    """A network small enough for a test, with batch normalisation, dropout and a last linear layer."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = [nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*body, nn.Dropout(0.1), nn.Linear(8, 2))


class Finder(nn.Module):
    """A network that looks for the spot and for nothing else: what speaks for `bright` is how bright places of 3 x 3
    voxels are beyond a threshold."""

    def __init__(self, noise: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        self.filter = nn.Conv2d(1, 2, 3, padding=1)
        self.rectify = nn.ReLU()
        self.head = nn.Linear(2, 2)
        kernel = torch.full((3, 3), 1 / 9) + noise * torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            self.filter.weight.copy_(torch.stack([kernel, torch.eye(3) - 1 / 3])[:, None])
            self.filter.bias.copy_(torch.tensor([-1.5, -9.0]))
            self.head.weight.copy_(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
            self.head.bias.copy_(torch.tensor([2.0, -2.0]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.rectify(self.filter(images)).sum((2, 3)))


def recipe(**changes) -> Recipe:
    settings = {"steps": 40, "batch_size": 8, "learning_rate": 0.05, "weight_decay": 0.0, "patience": 8}
    return default_recipe(**(settings | changes))


def spots(n: int = 48, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of one spot (class 1) or of even noise (class 0), of about the same total."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = rng.poisson(2.0, (n, 1, 16, 16))
    images[labels == 1, :, 5:9, 5:9] += 20
    return images.astype(np.uint16), labels


def inputs(images: np.ndarray, intensity: str = "share", **augmentation) -> Whole:
    return Whole(images, points_of(images), intensity, default_augmentation(**augmentation), voxel_nm=100.0)


def trained(*, network=None, transfer=None, resume=None, augmentation=None, seed=1, **changes):
    """A tiny network trained on 36 of 48 images, 12 held back."""
    images, labels = spots()
    network = tiny() if network is None else network
    rows = np.arange(len(labels))
    done = train(
        network,
        inputs(images, **(augmentation or {})),
        labels,
        rows[:36],
        rows[36:],
        recipe(**changes),
        CPU,
        seed=seed,
        transfer=transfer or default_transfer(),
        resume=resume,
    )
    network.load_state_dict(done.weights)
    return network.eval(), done


def points_of(images: np.ndarray, voxel_nm: float = 100.0) -> Points:
    """Localizations in the middle of their voxels, ordered by place."""
    index = np.argwhere(images)
    places = np.repeat(index, images[tuple(index.T)], axis=0)
    half = images.shape[-1] * voxel_nm / 2
    position = ((places[:, :1:-1] + 0.5) * voxel_nm - half).astype(np.float32)
    start = np.concatenate([[0], np.cumsum(images.sum(axis=tuple(range(1, images.ndim)), dtype=np.int64))])
    rows = np.concatenate([low + order_by_place(position[low:high]) for low, high in pairwise(start)])
    precision = np.full(len(places), 10, np.float32)
    return Points(position[rows], places[rows, 1].astype(np.uint8), precision, start)


def dataset(images, labels) -> Dataset:
    n = len(labels)
    names = np.array([f"s{k}/1" for k in range(n)])
    return Dataset(
        image=images,
        nucleus=names,
        sample=np.array([f"s{k}" for k in range(n)]),
        replicate=np.array([f"r{k // 2 % 4}" for k in range(n)]),
        label=np.array(CLASSES)[labels],
        localizations=images.reshape(n, images.shape[1], -1).sum(axis=2).astype(np.uint32),
        area_um2=np.ones(n, np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("DNA",),
        voxel_size_nm=100.0,
        points=points_of(images),
    )


def clustered(n: int = 16, seed: int = 0, size: int = 300, depth_nm: float = 0.0) -> Dataset:
    """Nuclei of the same counts and outline whose classes differ in what voxels of 20 nm show best.

    Localizations lie in fives, as far apart as sd 60 nm (`dim`) or 5 nm (`bright`), or anywhere in a depth, if given.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    position = []
    for code in labels:
        middle = np.repeat(rng.uniform(-600, 600, (size // 5, 2)), 5, axis=0)
        own = (middle + rng.normal(0, (60, 5)[code], middle.shape)).astype(np.float32)
        own = np.column_stack([own, rng.uniform(-depth_nm / 2, depth_nm / 2, size)]) if depth_nm else own
        position.append(own[order_by_place(own)].astype(np.float32))
    points = Points(
        np.concatenate(position),
        np.zeros(n * size, np.uint8),
        np.full(n * size, 5, np.float32),
        np.arange(n + 1) * size,
    )
    shape, height = ((1, 4, 16, 16), depth_nm / 4) if depth_nm else ((1, 16, 16), None)
    parts = map(points.of, range(n))
    images = np.stack([bin_counts(own.position, own.channel, shape, 100.0, height) for own in parts])
    known = replace(dataset(images.astype(np.uint16), labels), points=points, voxel_z_nm=height)
    return replace(known, area_um2=np.full(n, 1.44, np.float32))


def model(trained_network, *, augmentation=None, view: str = IMAGE, share: float = 1.0, **info) -> Model:
    """A network as a model of one view; what is given of its images goes into `views`."""
    own = {"network": "densenet121", "shape": [16, 16], "voxel_nm": 100.0, "voxel_z_nm": None, "share": share}
    own |= {key: info.pop(key) for key in own if key in info}
    known = {
        "classes": CLASSES,
        "channels": ["DNA"],
        "views": {view: own},
        "canvas_nm": own["shape"][-1] * own["voxel_nm"],
        "intensity": "share",
        "repeat": 0,
        "fold": 0,
        "seed": 1,
        "training_replicates": [],
        "settings": {"augmentation": asdict(default_augmentation(**(augmentation or {})))},
    } | info
    seen = Seen(view, tuple(own["shape"]), own["voxel_nm"], own["voxel_z_nm"])
    return Model((Encoder(trained_network, own["network"], seen, share, known["intensity"]),), known)


def both(*models: Model) -> Model:
    """Models of one view each as one model of several."""
    encoders = tuple(encoder for own in models for encoder in own.encoders)
    return Model(encoders, models[0].info | {"views": {k: v for own in models for k, v in own.info["views"].items()}})


def folds_of(data: Dataset) -> pd.DataFrame:
    """Two folds."""
    return data.table.assign(repeat=0, fold=[int(name[1]) // 2 for name in data.replicate])


def cross_validation(design: Design, data: Dataset | None = None) -> CrossValidation:
    """Two folds of spots, by this design."""
    data = dataset(*spots(48)) if data is None else data
    return CrossValidation(data, folds_of(data), design, seed=1, threads=1)


def plain_weights(network: nn.Module, view: str = IMAGE) -> dict[str, torch.Tensor]:
    """As `model.safetensors` holds those of a view."""
    return {f"{view}.{name}": values.contiguous() for name, values in network.state_dict().items()}
