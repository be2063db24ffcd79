"""How far a nucleus lies from those that a network was trained on, in the space of the network's features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 64
TINY = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """Where the training nuclei of one network lie.

    Attributes
    ----------
    mean, scale : (d,) float64
        Of the features: their mean, and their spread (sd).
    components : (m, d) float64
        Leading principal components of the features in units of their spread.
    class_means : (k, m) float64
        Of the projected features.
    precision : (m, m) float64
        Inverse covariance within classes.
    usual : () float64
        Median distance of nuclei that the network had not seen.
    """

    mean: Floats
    scale: Floats
    components: Floats
    class_means: Floats
    precision: Floats
    usual: Floats

    @classmethod
    def fit(cls, known: Floats, labels: NDArray[Any], held_out: Floats) -> Reference:
        """From (n, d) features of training nuclei with their labels, and those of nuclei of held-out replicates."""
        from sklearn.covariance import LedoitWolf
        from sklearn.decomposition import PCA

        mean, scale = known.mean(axis=0), np.maximum(known.std(axis=0), TINY)
        pca = PCA(n_components=min(COMPONENTS, len(known) - 1, known.shape[1]), random_state=0)
        points = pca.fit_transform((known - mean) / scale)
        names, member = np.unique(labels, return_inverse=True)
        means = np.stack([points[member == code].mean(axis=0) for code in range(len(names))])
        within = LedoitWolf(assume_centered=True).fit(points - means[member])
        bare = cls(mean, scale, pca.components_, means, within.precision_, np.array(1.0))
        return replace(bare, usual=np.maximum(np.median(bare.score(held_out)), TINY))

    def score(self, features: Floats) -> Floats:
        """(n,) Mahalanobis distance of (n, d) features to the nearest class, in units of what is usual.

        Shared covariance (Lee et al., NeurIPS 2018), shrunk by Ledoit and Wolf's rule.
        """
        points = (features - self.mean) / self.scale @ self.components.T
        away = points[:, None] - self.class_means
        squares = np.einsum("nki,ij,nkj->nk", away, self.precision, away)
        return np.sqrt(squares.min(axis=1)) / self.usual

    def tensors(self) -> dict[str, Floats]:
        """Its arrays by name."""
        return {field.name: np.ascontiguousarray(getattr(self, field.name), np.float64) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Floats]) -> Reference:
        """From what `tensors` gave."""
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})
