"""Attribution of single localizations, exact, by networks that read localizations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ainu.images.binning import flat_places
from ainu.images.dataset import Dataset, Points
from ainu.images.views import Described, Neighbours
from ainu.networks.memory import fitting
from ainu.networks.model import Model, margin_of


class Weighed(nn.Module):
    """The margin of a class as a function of the presence of each localization of a nucleus."""

    def __init__(self, network: nn.Module, seen: Described, target: int) -> None:
        super().__init__()
        self.network, self.target = network, target
        self.sets = torch.as_tensor(seen.sets)
        self.near, self.anchors = torch.as_tensor(seen.near), torch.as_tensor(seen.anchors)

    def forward(self, presence: Tensor) -> Tensor:
        """(B, n) presence from 0 to 1 to (B,) margins."""
        sets = self.sets.expand(len(presence), *self.sets.shape)
        logits = self.network(sets, presence[:, self.near], presence[:, self.anchors])
        return margin_of(logits, torch.full((len(presence),), self.target))


@dataclass(frozen=True)
class Presence:
    """A nucleus as a network sees it that reads localizations.

    Attributes
    ----------
    model : Model
    sets : Neighbours
        How its localizations are drawn and described.
    points : Points
        Of this nucleus.
    target : int
        Class whose evidence is wanted.
    draws : int
        How often localizations are drawn; the first draw is the one that predictions are made from.
    """

    model: Model
    sets: Neighbours
    points: Points
    target: int
    draws: int = 8

    def attribution(self, method: str, steps: int, memory_gb: float) -> tuple[NDArray[np.float32], float]:
        """Attribution of each localization, as the mean over the draws.

        "integrated_gradients" integrates the gradient over the presence of all localizations from 0 to 1, so that
        the values of a draw add up to the margin less that of an empty nucleus; "input_x_gradient" takes the gradient
        where all are present. A localization that is in no draw has 0.

        Parameters
        ----------
        method : str
            "integrated_gradients" or "input_x_gradient".
        steps : int
            Points of the integral.
        memory_gb : float
            Memory for the activations, GB.

        Returns
        -------
        values : (n,) float32
        error : float
            Completeness error.
        """
        total, off = np.zeros(len(self.points.position)), 0.0
        for draw in range(self.draws):
            rng = np.random.default_rng(draw)
            seen = self.sets.describe(self.points.position, self.points.channel, rng)
            values, error = self._of_draw(Weighed(self.model.network, seen, self.target), method, steps, memory_gb)
            total += values / self.draws
            off += error / self.draws
        return total.astype(np.float32), abs(off) / max(float(np.abs(total).sum()), 1e-12)

    def _of_draw(
        self, weighed: Weighed, method: str, steps: int, memory_gb: float
    ) -> tuple[NDArray[np.float64], float]:
        """The attribution of one draw, and how far its sum is from what it explains."""
        from captum.attr import InputXGradient, IntegratedGradients

        there = torch.ones(1, len(self.points.position))
        if method == "input_x_gradient":
            values = InputXGradient(weighed).attribute(there)
        else:
            rows = fitting(weighed, there, memory_gb)
            values = IntegratedGradients(weighed).attribute(there, n_steps=steps, internal_batch_size=rows)
        with torch.inference_mode():
            explained = float(weighed(there) - weighed(torch.zeros_like(there)))
        found = values.detach().double().numpy()[0]
        return found, float(found.sum()) - explained


def on_canvas(values: NDArray[np.float32], dataset: Dataset, row: int) -> NDArray[np.float32]:
    """Sum of the values of the localizations in each voxel of a nucleus.

    Parameters
    ----------
    values : (n,) float32
        Of each localization of the nucleus.
    dataset : Dataset
        With the nucleus.
    row : int
        Row of the nucleus.

    Returns
    -------
    (C, Y, X) or (C, Z, Y, X) float32
    """
    assert dataset.points is not None
    own, shape = dataset.points.of(row), dataset.image.shape[1:]
    flat, inside = flat_places(own.position, own.channel, shape, dataset.voxel_size_nm, dataset.voxel_z_nm)
    total = np.bincount(flat[inside], values[inside], minlength=int(np.prod(shape)))
    return total.reshape(shape).astype(np.float32)
