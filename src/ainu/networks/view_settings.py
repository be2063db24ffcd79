"""Settings of views. This module needs no torch, so that settings can be checked without it."""

from __future__ import annotations

from dataclasses import dataclass

from ainu.networks.seen import CONTEXT, DETAIL, Seen


@dataclass(frozen=True)
class DetailView:
    """Crops of a nucleus at the nanoscale: the config's `views.detail`.

    Attributes
    ----------
    voxel_nm, size_nm : float
        Edge of a voxel and of a crop, nm.
    network : str, optional
        Its architecture; None: the experiment's.
    voxel_z_nm, depth_nm : float
        Height of a voxel and of a crop, nm, where nuclei are seen in 3 dimensions.
    """

    voxel_nm: float
    size_nm: float
    network: str | None
    voxel_z_nm: float
    depth_nm: float

    def seen(self, dimensions: int) -> Seen:
        """What a network sees of it in 2 or 3 dimensions."""
        n = round(self.size_nm / self.voxel_nm)
        if dimensions == 2:
            return Seen(DETAIL, (n, n), self.voxel_nm)
        return Seen(DETAIL, (round(self.depth_nm / self.voxel_z_nm), n, n), self.voxel_nm, self.voxel_z_nm)


@dataclass(frozen=True)
class ContextView:
    """The whole nucleus, coarse: the config's `views.context`.

    Attributes
    ----------
    voxel_nm : float
        Edge of a voxel, nm.
    network : str, optional
        Its architecture; None: the experiment's.
    voxel_z_nm, depth_nm : float
        Height of a voxel and of the canvas, nm, where nuclei are seen in 3 dimensions.
    """

    voxel_nm: float
    network: str | None
    voxel_z_nm: float
    depth_nm: float


@dataclass(frozen=True)
class ViewSettings:
    """The views of an experiment: the config's `views`.

    Attributes
    ----------
    dimensions : int
        2, or 3 where files hold z.
    detail : DetailView, optional
    context : ContextView, optional
        At least one of the two.
    """

    dimensions: int
    detail: DetailView | None
    context: ContextView | None

    def networks(self, default: str) -> dict[str, str]:
        """Architecture of the network of each view, `default` where it names none."""
        views = {DETAIL: self.detail, CONTEXT: self.context}
        return {view: own.network or default for view, own in views.items() if own}
