"""Which attribution method can be trusted here, by checks that need no ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.stats import rankdata

MOST_INCOMPLETE = 0.05
MOST_UNMOVED = 0.5
LEAST_AGREEMENT = 0.1
"""Limits: of the completeness error, of the rank correlation with maps of a network with randomised weights, and of
that with maps of another fold's network."""

CRITERIA = {
    "deletion": 1,
    "insertion": -1,
    "infidelity": 1,
    "max_sensitivity": 1,
    "agreement": -1,
    "randomisation": 1,
}
"""What methods are ranked by; 1: lower is better, -1: higher is better."""

NUMBERS = (
    *CRITERIA,
    "deletion_random",
    "deletion_brightest",
    "insertion_random",
    "insertion_brightest",
    "randomisation_ssim",
    "agreement_repeats",
)


def reasons(checks: Mapping[str, Any], completeness: float | None) -> list[str]:
    """Why a method fails; empty where it passes.

    Parameters
    ----------
    checks : mapping
        Of one method, as `sanity.examine` gives them.
    completeness : float, optional
        The completeness error, of methods whose values have to add up to the decision.

    Returns
    -------
    list of str
    """
    found = []
    if not checks["varies"]:
        found.append("the map is constant")
    if completeness is not None and completeness > MOST_INCOMPLETE:
        found.append(f"completeness error {_percent(completeness)} (limit {_percent(MOST_INCOMPLETE)})")
    if abs(checks["randomisation"]) > MOST_UNMOVED:
        found.append(
            "the map hardly changes when weights are randomised (rank correlation "
            f"{checks['randomisation']:.2f}, limit {MOST_UNMOVED})"
        )
    found += _order_reasons(checks)
    if checks["agreement"] is not None and checks["agreement"] < LEAST_AGREEMENT:
        found.append(
            f"maps disagree between folds (rank correlation {checks['agreement']:.2f}, at least {LEAST_AGREEMENT} "
            "required)"
        )
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _order_reasons(checks: Mapping[str, Any]) -> list[str]:
    """Deletion has to be clearly better than both orders; insertion not clearly worse.

    A random part of the localizations, normalised again, is a fair image of the nucleus, so that inserting at random is
    hard to beat, whereas inserting the evidence first makes images unlike any that a network has seen.

    Returns
    -------
    list of str
    """
    names = {"random": "a random order", "brightest": "the brightest voxels first"}
    found = []
    for order, words in names.items():
        if checks[f"deletion_{order}_gain"] <= checks[f"deletion_{order}_error"]:
            found.append(f"removing localizations in the order of the map lowers confidence no more than {words}")
        if checks[f"insertion_{order}_gain"] <= -checks[f"insertion_{order}_error"]:
            found.append(f"inserting localizations in the order of the map raises confidence less than {words}")
    return found


def score(sanity: Mapping[str, Any], completeness: Mapping[str, float | None]) -> dict[str, Any]:
    """Judge and rank methods.

    Those that pass come first; then counts the mean of their ranks in each of `CRITERIA`, then infidelity.

    Parameters
    ----------
    sanity : mapping
        What `sanity.examine` gives.
    completeness : mapping of method to float, optional
        Completeness error of each method of the maps.

    Returns
    -------
    dict
        `methods`: a row per method in order of rank, with `verdict` and `reasons`; `best`: the first one, or None;
        `nuclei`: how many were checked.
    """
    checks = {method: row for method, row in sanity["methods"].items() if row}
    means = _mean_ranks(checks)
    rows = [
        {"method": method, "reasons": reasons(own, completeness.get(method)), "mean_rank": means[method]}
        | {"completeness_error": completeness.get(method)}
        | {name: own.get(name) for name in NUMBERS}
        for method, own in checks.items()
    ]
    rows.sort(key=lambda row: (bool(row["reasons"]), round(row["mean_rank"], 6), row["infidelity"]))
    for rank, row in enumerate(rows, start=1):
        row |= {"rank": rank, "verdict": "fails" if row["reasons"] else "passes"}
    unseen: list[dict[str, Any]] = [
        {"method": method, "verdict": None, "reasons": []} for method in completeness if method not in checks
    ]
    best = rows[0]["method"] if rows else next(iter(completeness), None)
    return {"methods": rows + unseen, "best": best, "nuclei": len(sanity["nuclei"])}


def _mean_ranks(checks: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    total = dict.fromkeys(checks, 0.0)
    for name, sign in CRITERIA.items():
        values = [abs(own[name]) if name == "randomisation" else own[name] for own in checks.values()]
        if None not in values:
            for method, rank in zip(checks, rankdata([sign * value for value in values]), strict=True):
                total[method] += float(rank) / len(CRITERIA)
    return total
