"""Checks of attribution methods: does a map depend on the network, and does the decision depend on what it shows?

Every check is made on a nucleus by the model that held it out, for its true class.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ainu.attribution.captum_methods import Explainer
from ainu.attribution.detail import in_turn
from ainu.attribution.perturbation import Probe, probe
from ainu.attribution.settings import AttributionSettings
from ainu.images.dataset import Dataset
from ainu.networks.model import Model

SHARES = (0.0, 0.025, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)
"""Shares of the localizations that are removed, or inserted."""

BLOCK_NM = 1000.0
"""Resolution at which maps of two networks are compared."""

PERTURBATIONS = 16
RADII_NM = (400.0, 1600.0)
THINNED = 0.05
"""Share of the localizations that the copies lack by which sensitivity is measured."""
COPIES = 2

Explain = Callable[[Probe, str], NDArray[np.float32]]


def removal_order(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """(U,) indices of units from the highest of (U,) values down; ties at random."""
    return np.lexsort((rng.random(len(values)), -values))


def kept_after(counts: NDArray[np.float64], order: NDArray[np.intp], shares: Sequence[float]) -> NDArray[np.float64]:
    """Localizations left of each unit when shares of all are removed, unit by unit.

    Parameters
    ----------
    counts : (U,) float64
        Localizations of each unit, or its density.
    order : (U,) int
        Units in the order of their removal.
    shares : sequence of float
        Removed, of all localizations.

    Returns
    -------
    (len(shares), U) float64
    """
    own = counts[order]
    before = np.cumsum(own) - own
    wanted = np.asarray(shares)[:, None] * counts.sum()
    kept = np.empty((len(shares), len(counts)))
    kept[:, order] = own - np.clip(np.floor(wanted - before + 1e-9), 0, own)
    return kept


def kept_at_random(
    counts: NDArray[np.float64], shares: Sequence[float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Localizations left of each unit when shares of all are removed at random; densities are removed unit by unit.

    Parameters
    ----------
    counts : (U,) float64
        Localizations of each unit, or its density.
    shares : sequence of float
        Removed, of all localizations.
    rng : Generator
        Draws the order.

    Returns
    -------
    (len(shares), U) float64
    """
    if not np.all(counts == np.round(counts)):
        return kept_after(counts, rng.permutation(len(counts)), shares)
    order = rng.permutation(np.repeat(np.arange(len(counts)), counts.astype(int)))
    cuts = [round(share * len(order)) for share in shares]
    return np.stack([np.bincount(order[cut:], minlength=len(counts)) for cut in cuts]).astype(float)


def removal_curves(probe: Probe, kept: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Confidence in the true class while localizations are removed, and while they are inserted into an empty nucleus.

    Confidence is the logistic function of the margin; with two classes, the probability.

    Parameters
    ----------
    probe : Probe
        The nucleus.
    kept : (len(SHARES), U) float64
        Localizations that are left, from all to none.

    Returns
    -------
    dict
        `deletion` and `insertion`, each (len(SHARES),); what is removed first is inserted first.
    """
    confidence = 1 / (1 + np.exp(-np.clip(probe.margins(np.concatenate([kept, probe.counts - kept[1:-1]])), -50, 50)))
    removed, inserted = confidence[: len(kept)], confidence[len(kept) :]
    return {"deletion": removed, "insertion": np.concatenate([removed[-1:], inserted, removed[:1]])}


def area(curve: NDArray[np.float64]) -> float:
    """Area under a (len(SHARES),) curve over `SHARES`."""
    return float(np.trapezoid(curve, SHARES))


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's rank correlation of two (n,) maps; 1 where both are constant: a map that nothing changes."""
    from scipy.stats import rankdata

    first, second = (rankdata(values) for values in (one, other))
    if first.std() == 0 or second.std() == 0:
        return 1.0 if first.std() == second.std() == 0 else 0.0
    return float(np.corrcoef(first, second)[0, 1])


def agreement(probe: Probe, one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Rank correlation of two attributions of a nucleus, each averaged over blocks of `BLOCK_NM` in each channel.

    At a finer scale, two networks may well use different localizations.

    Parameters
    ----------
    probe : Probe
        The nucleus.
    one, other : (U,) float64
        Attribution of one localization of each unit.

    Returns
    -------
    float
    """
    places = np.column_stack([probe.channel, np.floor(probe.position / BLOCK_NM)]).astype(int)
    _, block = np.unique(places, axis=0, return_inverse=True)
    weight = np.bincount(block, probe.counts)
    return rank_correlation(*(np.bincount(block, values * probe.counts) / weight for values in (one, other)))


def similarity(one: NDArray[np.float32], other: NDArray[np.float32]) -> float | None:
    """Structural similarity (Wang et al., 2004) of two maps, each scaled to its largest absolute value.

    Parameters
    ----------
    one, other : (C, ...) float32
        Maps of a nucleus.

    Returns
    -------
    float, optional
        Mean of the channels; None for images that are too small.
    """
    from skimage.metrics import structural_similarity

    scaled = [values / (float(np.abs(values).max()) or 1.0) for values in (one, other)]
    window = min(7, *(edge - 1 + edge % 2 for edge in one.shape[1:]))
    if window < 3:
        return None
    planes = zip(*scaled, strict=True)
    return float(np.mean([structural_similarity(a, b, data_range=2.0, win_size=window) for a, b in planes]))


def losses(probe: Probe, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The decision without the localizations in discs of random place and size.

    Parameters
    ----------
    probe : Probe
        The nucleus.
    rng : Generator
        Draws P discs.

    Returns
    -------
    lost : (P, U) float64
        Localizations in each disc.
    fall : (P,) float64
        By how much the margin falls without them.
    """
    centres = probe.position[rng.integers(len(probe.position), size=PERTURBATIONS)]
    radii = rng.uniform(*RADII_NM, PERTURBATIONS)
    near = np.linalg.norm(probe.position[None] - centres[:, None], axis=2) <= radii[:, None]
    lost = near * probe.counts
    margins = probe.margins(np.concatenate([probe.counts[None], probe.counts - lost]))
    return lost, margins[0] - margins[1:]


def infidelity(values: NDArray[np.float64], lost: NDArray[np.float64], fall: NDArray[np.float64]) -> float:
    """Infidelity (Yeh et al., NeurIPS 2019) relative to that of an empty map: 0 is perfect, 1 no better than nothing.

    Parameters
    ----------
    values : (U,) float64
        Attribution of one localization of each unit.
    lost : (P, U) float64
        Localizations that are removed, as `losses` gives them.
    fall : (P,) float64
        By how much the margin falls; the map is scaled so that it fits best.

    Returns
    -------
    float
    """
    expected = lost @ values
    power = float(expected @ expected) * float(fall @ fall)
    return 1.0 - float(expected @ fall) ** 2 / power if power > 0 and expected @ fall > 0 else 1.0


def sensitivity(probe: Probe, method: str, found: NDArray[np.float32], rng: np.random.Generator) -> float:
    """Max-sensitivity (Yeh et al., 2019): how far a map changes when one in twenty localizations is missing.

    Parameters
    ----------
    probe : Probe
        The nucleus.
    method : str
        A name of the catalogue.
    found : (C, ...) or (U,) float32
        The map with all localizations.
    rng : Generator
        Draws the missing ones.

    Returns
    -------
    float
        As a share of the norm of the map.
    """
    copies = [kept_at_random(probe.counts, [THINNED], rng)[0] for _ in range(COPIES)]
    norm = float(np.linalg.norm(found)) or 1.0
    return max(float(np.linalg.norm(probe.attribution(method, kept) - found)) / norm for kept in copies)


def examine(
    dataset: Dataset,
    folds: pd.DataFrame,
    models: Sequence[Model],
    settings: AttributionSettings,
    seed: int,
    explain: Explain | None = None,
) -> dict[str, Any]:
    """Check methods on some nuclei of each class and fold.

    Parameters
    ----------
    dataset : Dataset
        The nuclei.
    folds : DataFrame
        `nucleus`, `label`, `repeat`, `fold`.
    models : sequence of Model
        One per fold and repeat.
    settings : AttributionSettings
        What each of its `sanity_nuclei` costs: docs/attribution.md.
    seed : int
        Of all that is drawn.
    explain : callable, optional
        Gives the map of a probe by a method; by default that of the probe.

    Returns
    -------
    dict
        `shares`, `nuclei`; `methods`: per method the checks (means over nuclei) and curves; `orders`: curves of the
        random and the brightest-first order.
    """
    explain = explain or (lambda probe, method: probe.attribution(method))
    methods = settings.methods
    explainers = {
        (model.info["repeat"], model.info["fold"]): Explainer.of(model.whole, dataset, settings, seed)
        for model in models
        if model.whole and methods
    }
    codes = dataset.codes(models[0].classes) if explainers else np.zeros(0, np.int64)
    probes = _chosen_probes(dataset, folds, explainers, codes, settings.sanity_nuclei) if explainers else []
    rows: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    orders: list[dict[str, Any]] = []
    for own, others in tqdm(probes, desc="sanity", unit="nucleus", file=sys.stderr):
        rng = np.random.default_rng([seed, crc32(own.name.encode())])
        orders.append(_orders(own, rng))
        lost, fall = losses(own, rng)
        for method in methods:
            rows[method].append(_checks(own, others, method, explain, lost, fall, rng))
    return {
        "shares": list(SHARES),
        "nuclei": [own.name for own, _ in probes],
        "orders": _mean(orders),
        "methods": {method: _mean(found) | _against(found, orders) for method, found in rows.items() if found},
    }


def _orders(probe: Probe, rng: np.random.Generator) -> dict[str, Any]:
    kept = {
        "random": kept_at_random(probe.counts, SHARES, rng),
        "brightest": kept_after(probe.counts, removal_order(probe.counts, rng), SHARES),
    }
    found: dict[str, Any] = {}
    for name, own in kept.items():
        for kind, curve in removal_curves(probe, own).items():
            found |= {f"{kind}_{name}": area(curve), f"{kind}_{name}_curve": curve}
    return found


def _checks(
    probe: Probe,
    others: Mapping[str, Sequence[Explainer]],
    method: str,
    explain: Explain,
    lost: NDArray[np.float64],
    fall: NDArray[np.float64],
    rng: np.random.Generator,
) -> dict[str, Any]:
    found = explain(probe, method)
    values = probe.per_localization(method, found)
    curves = removal_curves(probe, kept_after(probe.counts, removal_order(values, rng), SHARES))
    checks: dict[str, Any] = {f"{kind}_curve": curve for kind, curve in curves.items()}
    checks |= {kind: area(curve) for kind, curve in curves.items()}
    checks |= _randomised(probe, method, explain, found)
    for name, models in others.items():
        agree = [agreement(probe, values, _values(probe.by(other), method, explain)) for other in models]
        checks[name] = float(np.mean(agree)) if agree else None
    return checks | {
        "varies": bool(np.ptp(found) > 0),
        "infidelity": infidelity(values, lost, fall),
        "max_sensitivity": sensitivity(probe, method, found, rng),
    }


def _values(probe: Probe, method: str, explain: Explain) -> NDArray[np.float64]:
    return probe.per_localization(method, explain(probe, method))


def _randomised(probe: Probe, method: str, explain: Explain, found: NDArray[np.float32]) -> dict[str, Any]:
    """Similarity of the map to those of the network with more and more layers randomised."""
    ranks, structures = [], []
    values = probe.per_localization(method, found)
    for randomised in probe.explainer.cascade:
        other = explain(probe.by(randomised), method)
        ranks.append(rank_correlation(values, probe.per_localization(method, other)))
        structures.append(similarity(found, other))
    return {"randomisation": ranks[-1], "randomisation_curve": ranks, "randomisation_ssim": structures[-1]}


def _chosen_probes(
    dataset: Dataset,
    folds: pd.DataFrame,
    by_place: Mapping[tuple[int, int], Explainer],
    codes: NDArray[np.int64],
    nuclei: int,
) -> list[tuple[Probe, dict[str, list[Explainer]]]]:
    """Nuclei in turn of every class and fold, each with a model that held it out and those that this is compared to.

    `agreement`: models of the same repeat's other folds, which have seen the nucleus in training (with one repeat, no
    two models have held out the same one); `agreement_repeats`: those of other repeats that held it out as well.

    Returns
    -------
    list of (Probe, dict)
    """
    places = pd.Series(np.arange(len(dataset)), index=dataset.nucleus)
    found = []
    for row in in_turn(folds, nuclei).to_dict("records"):
        held_out = folds[folds["nucleus"] == row["nucleus"]]
        own = [by_place[pair] for pair in zip(held_out["repeat"], held_out["fold"], strict=True)]
        same = [other for (repeat, fold), other in by_place.items() if repeat == row["repeat"] and fold != row["fold"]]
        others = {"agreement": same[:1], "agreement_repeats": own[1:]}
        place = int(places[row["nucleus"]])
        found.append((probe(own[0], dataset, place, int(codes[place])), others))
    return found


def _mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over nuclei: numbers, curves point by point; None where no nucleus has any."""
    found: dict[str, Any] = {}
    for key in rows[0] if rows else ():
        known = [np.asarray(row[key], float) for row in rows if row[key] is not None]
        mean = np.mean(known, axis=0) if known else None
        found[key] = None if mean is None else (float(mean) if mean.ndim == 0 else mean.tolist())
    return found


def _against(rows: Sequence[Mapping[str, Any]], orders: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How much better than each order the method's curves are on average, and the standard error of that."""
    found: dict[str, float] = {}
    for name in ("random", "brightest"):
        for kind, sign in (("deletion", 1), ("insertion", -1)):
            key = f"{kind}_{name}"
            gaps = np.array([sign * (order[key] - row[kind]) for row, order in zip(rows, orders, strict=True)])
            found[key] = float(np.mean([order[key] for order in orders]))
            found[f"{key}_gain"] = float(gaps.mean())
            found[f"{key}_error"] = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else 0.0
    return found
