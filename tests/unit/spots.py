"""Nuclei that a tiny network learns in a second: spots (class `bright`) or even noise (class `dim`)."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import torch
from defaults import augmentation as default_augmentation
from defaults import recipe as default_recipe
from defaults import transfer as default_transfer
from torch import nn

from ainu.images.dataset import Dataset, Points
from ainu.images.views import Images
from ainu.networks.model import Model
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
    settings = {"epochs": 8, "batch_size": 8, "learning_rate": 0.05, "weight_decay": 0.0, "patience": 8}
    return default_recipe(**(settings | changes))


def spots(n: int = 48, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of one spot (class 1) or of even noise (class 0), of about the same total."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = rng.poisson(2.0, (n, 1, 16, 16))
    images[labels == 1, :, 5:9, 5:9] += 20
    return images.astype(np.uint16), labels


def inputs(images: np.ndarray, **augmentation) -> Images:
    return Images(images, "share", default_augmentation(**augmentation), voxel_nm=100.0)


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
    """Localizations in the middle of their voxels."""
    index = np.argwhere(images)
    places = np.repeat(index, images[tuple(index.T)], axis=0)
    half = images.shape[-1] * voxel_nm / 2
    position = (places[:, :1:-1] + 0.5) * voxel_nm - half
    start = np.concatenate([[0], np.cumsum(images.sum(axis=tuple(range(1, images.ndim)), dtype=np.int64))])
    precision = np.full(len(places), 10, np.float32)
    return Points(position.astype(np.float32), places[:, 1].astype(np.uint8), precision, start)


def dataset(images, labels) -> Dataset:
    n = len(labels)
    names = np.array([f"s{k}/1" for k in range(n)])
    return Dataset(
        image=images,
        nucleus=names,
        sample=np.array([f"s{k}" for k in range(n)]),
        replicate=np.array([f"r{k // 2 % 4}" for k in range(n)]),
        label=np.array(CLASSES)[labels],
        localizations=images.sum(axis=(2, 3)).astype(np.uint32),
        area_um2=np.ones(n, np.float32),
        origin_nm=np.zeros((n, 2)),
        angle_rad=np.zeros(n),
        channels=("DNA",),
        voxel_size_nm=100.0,
        points=points_of(images),
    )


def model(trained_network, *, augmentation=None, **info) -> Model:
    known = {
        "classes": CLASSES,
        "channels": ["DNA"],
        "shape": [16, 16],
        "voxel_size_nm": 100.0,
        "network": "densenet121",
        "intensity": "share",
        "repeat": 0,
        "fold": 0,
        "seed": 1,
        "training_replicates": [],
        "settings": {"augmentation": asdict(default_augmentation(**(augmentation or {})))},
    }
    return Model(trained_network, known | info)


def folds_of(data: Dataset) -> pd.DataFrame:
    """Two folds."""
    return data.table.assign(repeat=0, fold=[int(name[1]) // 2 for name in data.replicate])


def cross_validation(design: Design, data: Dataset | None = None) -> CrossValidation:
    """Two folds of spots, by this design."""
    data = dataset(*spots(48)) if data is None else data
    return CrossValidation(data, folds_of(data), design, seed=1, threads=1)


def plain_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: values.contiguous() for name, values in network.state_dict().items()}
