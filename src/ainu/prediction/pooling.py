"""Logits of nuclei, pooled over all that a network is shown of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ainu.images.augmentation import Augmentation
from ainu.images.dataset import Dataset
from ainu.images.views import Indices, Views, tiles_in_batches, view_of
from ainu.networks.model import Encoder, Model


@torch.inference_mode()
def pooled(
    function: Callable[[Tensor], Tensor],
    views: Views,
    rows: Indices,
    device: torch.device | str = "cpu",
    copy: Sequence[int] | None = None,
) -> Tensor:
    """The weighted mean, over all tiles of each nucleus, of what a function makes of a tile.

    Parameters
    ----------
    function : callable
        From (b, C, ...) float32 to (b, d).
    views : Views
        Of N nuclei.
    rows : (n,) int
        Which of them.
    device : torch.device
        Where the function works.
    copy : sequence of int, optional
        Seed by which each nucleus is changed at random first.

    Returns
    -------
    (n, d) float64 Tensor
        On the CPU.
    """
    total: Tensor | None = None
    for seen, nucleus, weight in tiles_in_batches(views, rows, copy):
        found = function(seen.to(device)).double().cpu() * weight.double()[:, None]
        total = torch.zeros(len(rows), found.shape[1], dtype=torch.float64) if total is None else total
        total.index_add_(0, nucleus, found)
    assert total is not None
    return total


def logits_of(
    network: nn.Module,
    views: Views,
    rows: Indices,
    device: torch.device | str = "cpu",
    copy: Sequence[int] | None = None,
) -> Tensor:
    """(n, k) float64 logits of nuclei, in evaluation mode: the weighted mean over the tiles of each.

    Parameters
    ----------
    network : Module
        Left in evaluation mode.
    views : Views
        Of N nuclei.
    rows : (n,) int
        Which of them.
    device : torch.device
        Where the network is.
    copy : sequence of int, optional
        Seed by which each nucleus is changed at random first.

    Returns
    -------
    (n, k) float64 Tensor
    """
    network.eval()
    return pooled(network, views, rows, device, copy)


def views_of(encoder: Encoder, dataset: Dataset, augmentation: Augmentation) -> Views:
    """What an encoder sees of a dataset.

    Parameters
    ----------
    encoder : Encoder
        Of a view.
    dataset : Dataset
        The nuclei.
    augmentation : Augmentation
        How they are changed at random.

    Returns
    -------
    Views
    """
    return view_of(dataset, encoder.seen, encoder.intensity, augmentation)


def logits_by_view(
    model: Model, dataset: Dataset, rows: Indices, augmentation: Augmentation, copy: Sequence[int] | None = None
) -> Mapping[str, Tensor]:
    """What each view adds to the logits of nuclei.

    Parameters
    ----------
    model : Model
        Trained.
    dataset : Dataset
        Of images like those it was trained on.
    rows : (n,) int
        Indices of the nuclei.
    augmentation : Augmentation
        How nuclei are changed where `copy` is given.
    copy : sequence of int, optional
        Seed by which each nucleus is changed at random first.

    Returns
    -------
    mapping of str to (n, k) float64 Tensor
        By view; their sum are the logits of the model.
    """
    return {
        encoder.seen.view: encoder.share
        * logits_of(encoder.network, views_of(encoder, dataset, augmentation), rows, copy=copy)
        for encoder in model.encoders
    }
