"""Out of distribution: how far a nucleus lies from a network's training nuclei, in the space of its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 64
"""Principal components that are kept, at most."""
TINY = 1e-9
"""Smallest scale, for features that do not vary."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """Where the training nuclei of one network lie.

    Attributes
    ----------
    mean, scale : (d,) float64
        Mean and standard deviation of the features.
    components : (m, d) float64
        Leading principal components of the features in units of their standard deviation.
    class_means : (k, m) float64
        Of the projected features.
    precision : (m, m) float64
        Inverse covariance within classes.
    usual : () float64
        Median distance of nuclei that the network had not seen: the unit of scores.
    """

    mean: Floats
    scale: Floats
    components: Floats
    class_means: Floats
    precision: Floats
    usual: Floats

    @classmethod
    def fit(cls, training: Floats, labels: NDArray[Any], held_out: Floats) -> Reference:
        """Fit to the training nuclei of a network.

        Parameters
        ----------
        training : (n, d) float64
            Features of the training nuclei.
        labels : (n,) str
            Their classes.
        held_out : (h, d) float64
            Features of nuclei of held-out replicates, which set the unit of scores.

        Returns
        -------
        Reference
        """
        from sklearn.covariance import LedoitWolf
        from sklearn.decomposition import PCA

        mean, scale = training.mean(axis=0), np.maximum(training.std(axis=0), TINY)
        pca = PCA(n_components=min(COMPONENTS, len(training) - 1, training.shape[1]), random_state=0)
        points = pca.fit_transform((training - mean) / scale)
        names, member = np.unique(labels, return_inverse=True)
        means = np.stack([points[member == code].mean(axis=0) for code in range(len(names))])
        within = LedoitWolf(assume_centered=True).fit(points - means[member])
        bare = cls(mean, scale, pca.components_, means, within.precision_, np.array(1.0))
        bare = cls.from_tensors(bare.tensors())  # in one memory order: else scores differ in the last bits once stored
        return replace(bare, usual=np.maximum(np.median(bare.score(held_out)), TINY))

    def score(self, features: Floats) -> Floats:
        """Mahalanobis distance to the nearest class, in units of the median of held-out nuclei.

        With a covariance that the classes share (Lee et al., NeurIPS 2018), shrunk by Ledoit and Wolf's rule.

        Parameters
        ----------
        features : (n, d) float64
            Of nuclei.

        Returns
        -------
        (n,) float64
        """
        points = (features - self.mean) / self.scale @ self.components.T
        away = points[:, None] - self.class_means
        squares = np.einsum("nki,ij,nkj->nk", away, self.precision, away)
        return np.sqrt(squares.min(axis=1)) / self.usual

    def tensors(self) -> dict[str, Floats]:
        """Its arrays by name, to be stored."""
        return {field.name: np.ascontiguousarray(getattr(self, field.name), np.float64) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Floats]) -> Reference:
        """From the arrays that `tensors` gave."""
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})
