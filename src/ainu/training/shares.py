"""How much the logits of each view count: fitted on nuclei that the networks have not seen.

A view in which the classes do not differ learns its training nuclei by heart, and says of others what is wrong with
the same assurance. So each view is trained without a part of the training replicates too, for each part, and the shares
are those by which the sum of the logits predicts the parts best (stacking: Wolpert, Neural Networks 5, 241, 1992;
factors that are not negative: Breiman, Machine Learning 24, 49, 1996).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ainu.errors import AinuError
from ainu.folds.assign import assign_folds
from ainu.images.dataset import Dataset
from ainu.images.views import Indices

RIDGE = 0.5
"""Penalty on the squares of the shares, in units of a nucleus's loss: separable nuclei would ask for infinite ones."""

FEW = 8
"""Nuclei of a class from which on half of them teach enough."""
MOST_PARTS = 5

NOTHING = 1e-3
"""Share of every view, over the spread of its logits, where none says anything: 0 would tie all classes for good."""


def parts_of(dataset: Dataset, rows: Indices, seed: int) -> list[Indices]:
    """Training nuclei in parts that share no replicate, where each class has enough of these; else no nucleus.

    Two halves; where a class has few nuclei, up to five parts, since a network of half of them would not learn what one
    of all of them learns.

    Parameters
    ----------
    dataset : Dataset
        Of N nuclei.
    rows : (n,) int
        Nuclei to train on.
    seed : int
        For the draw.

    Returns
    -------
    list of (m,) int
        Rows of each part; none where a class has a single nucleus.
    """
    table = dataset.table.iloc[rows]
    fewest = int(table["label"].value_counts().min())
    if fewest < 2:
        return []
    wanted = 2 if fewest >= FEW else min(fewest, MOST_PARTS)
    replicates = int(table.groupby("label")["replicate"].nunique().min())
    try:
        folds = assign_folds(table, folds=min(wanted, replicates), repeats=1, seed=seed).table
        part = folds.set_index("nucleus")["fold"].loc[table["nucleus"]].to_numpy()
    except AinuError:
        part = _by_nucleus(dataset.label[rows], wanted, seed)
    return [rows[part == number] for number in range(int(part.max()) + 1)]


def _by_nucleus(labels: NDArray[np.str_], parts: int, seed: int) -> NDArray[np.int64]:
    """(n,) part of each nucleus, every class in each."""
    found = np.zeros(len(labels), np.int64)
    rng = np.random.default_rng(seed)
    for name in sorted(set(labels.tolist())):
        own = rng.permutation(np.flatnonzero(labels == name))
        found[own] = np.arange(len(own)) * parts // len(own)
    return found


def comparable(parts: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Logits of a view by several networks as if one had given them all.

    Networks of few nuclei differ in how sure they are, and in which class they lean to; a sum over views by shares that
    ignore this would follow the surest network.

    Parameters
    ----------
    parts : sequence of (n, k) float64
        Of each network, of nuclei that it has not seen.
    labels : sequence of (n,) int64
        Class of each of these nuclei.

    Returns
    -------
    (N, k) float64
        One part after the other, each moved so that the means of its classes have their middle at 0, and with the mean
        spread of all parts.
    """
    moved = []
    for values, own in zip(parts, labels, strict=True):
        plain = values - values.mean(axis=1, keepdims=True)
        moved.append(plain - np.mean([plain[own == code].mean(axis=0) for code in np.unique(own)], axis=0))
    spreads = [max(float(values.std()), 1e-12) for values in moved]
    return np.concatenate([values / own for values, own in zip(moved, spreads, strict=True)]) * np.mean(spreads)


def fit_shares(logits: Mapping[str, NDArray[np.float64]], labels: NDArray[np.int64]) -> dict[str, float]:
    """The shares that predict nuclei best; every class counts alike.

    Parameters
    ----------
    logits : mapping of str to (n, k) float64
        Of each view, by networks that have not seen the nuclei.
    labels : (n,) int64
        Class of each nucleus.

    Returns
    -------
    dict of str to float
        Not negative. With them the sum of the logits is as sure as it has a right to be. Where no view says anything,
        all alike and small.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    names = sorted(logits)
    scale = {name: max(float(np.std(logits[name] - logits[name].mean(axis=1, keepdims=True))), 1e-12) for name in names}
    values = np.stack([logits[name] / scale[name] for name in names])
    weights = 1 / np.bincount(labels)[labels]
    weights *= len(labels) / weights.sum()

    def loss(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logarithms = log_softmax(np.tensordot(shares, values, 1), axis=1)
        residual = np.exp(logarithms)
        residual[np.arange(len(labels)), labels] -= 1
        slope = np.einsum("n,nk,vnk->v", weights, residual, values)
        cost = -(weights * logarithms[np.arange(len(labels)), labels]).sum()
        return cost + RIDGE * (shares**2).sum(), slope + 2 * RIDGE * shares

    found = minimize(loss, np.ones(len(names)), jac=True, bounds=[(0, None)] * len(names), method="L-BFGS-B")
    shares = {name: float(value) / scale[name] for name, value in zip(names, found.x, strict=True)}
    if max(float(value) for value in found.x) < NOTHING:
        shares = {name: NOTHING / max(scale[name], NOTHING) for name in names}
    return {name: round(value, 6) for name, value in shares.items()}
