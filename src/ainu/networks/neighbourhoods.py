"""A network that reads localizations themselves: a set of neighbourhoods, each a set of neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LOCAL, GLOBAL = 64, 192


def dense(before: int, after: int) -> nn.Sequential:
    """The same linear layer for every member of a set."""
    return nn.Sequential(nn.Linear(before, after, bias=False), nn.LayerNorm(after), nn.ReLU())


class Neighbourhoods(nn.Module):
    """Sets of sets, in the manner of PointNet++ (Qi et al., NeurIPS 2017) with one level of neighbourhoods.

    `images.views.Neighbours` describes the input. Each neighbour is processed alone, the largest and the mean response
    of a neighbourhood describe it, and the mean and the largest of the neighbourhoods describe the nucleus: neither the
    order of localizations nor a grid matters.
    """

    def __init__(self, channels: int, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.neighbour = nn.Sequential(dense(2 * (len(shape) + channels), LOCAL), dense(LOCAL, LOCAL))
        self.neighbourhood = nn.Sequential(dense(2 * LOCAL, GLOBAL), dense(GLOBAL, GLOBAL))
        self.head = nn.Sequential(dense(2 * GLOBAL, GLOBAL), nn.Dropout(0.3), nn.Linear(GLOBAL, classes))

    def forward(self, sets: Tensor, near_there: Tensor | None = None, anchor_there: Tensor | None = None) -> Tensor:
        """From neighbourhoods to logits.

        Parameters
        ----------
        sets : (N, M, K, F) float32
            K neighbours in each of M neighbourhoods of N nuclei.
        near_there : (N, M, K) float32, optional
            How present each neighbour is, 0 to 1; all are, where left out. An absent one has no response.
        anchor_there : (N, M) float32, optional
            The same for each anchor.

        Returns
        -------
        (N, k) float32
        """
        near = self.neighbour(sets)
        near = near if near_there is None else near * near_there[..., None]
        around = self.neighbourhood(torch.cat([near.amax(2), near.mean(2)], 2))
        around = around if anchor_there is None else around * anchor_there[..., None]
        return self.head(torch.cat([around.mean(1), around.amax(1)], 1))
