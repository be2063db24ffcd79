"""Which attribution method can be trusted here, by its own checks and without the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.stats import rankdata

MOST_INCOMPLETE = 0.05
MOST_UNMOVED = 0.5
LEAST_AGREEMENT = 0.1
"""Bounds: of the completeness error, of the rank correlation with maps of a randomised network, and of that with maps
of another fold's network."""

CRITERIA = {
    "deletion": 1,
    "insertion": -1,
    "infidelity": 1,
    "max_sensitivity": 1,
    "agreement": -1,
    "randomisation": 1,
}
"""What methods are ranked by; 1: the less the better."""

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
        The completeness error, where a sum is promised.
    """
    found = []
    if not checks["varies"]:
        found.append("the map is the same everywhere")
    if completeness is not None and completeness > MOST_INCOMPLETE:
        found.append(f"its values miss the sum that they promise by {completeness:.0%} (at most {MOST_INCOMPLETE:.0%})")
    if abs(checks["randomisation"]) > MOST_UNMOVED:
        found.append(
            f"the map of a randomised network is much the same (rank correlation {checks['randomisation']:.2f}, at "
            f"most {MOST_UNMOVED})"
        )
    found += _order_reasons(checks)
    if checks["agreement"] is not None and checks["agreement"] < LEAST_AGREEMENT:
        found.append(
            f"networks of other folds are explained otherwise (rank correlation {checks['agreement']:.2f}, at least "
            f"{LEAST_AGREEMENT})"
        )
    return found


def _order_reasons(checks: Mapping[str, Any]) -> list[str]:
    """Deletion has to be clearly better than both orders; insertion not clearly worse.

    A random part of the localizations, normalised anew, is a fair image of the nucleus, so that inserting at random is
    hard to beat, whereas inserting the evidence first makes images of a kind that no network has seen.
    """
    names = {"random": "a random order", "brightest": "taking the brightest voxels first"}
    found = []
    for order, words in names.items():
        if checks[f"deletion_{order}_gain"] <= checks[f"deletion_{order}_error"]:
            found.append(f"removing what it points at hurts the decision no more than {words} does")
        if checks[f"insertion_{order}_gain"] <= -checks[f"insertion_{order}_error"]:
            found.append(f"putting in what it points at helps the decision less than {words} does")
    return found


def score(sanity: Mapping[str, Any], completeness: Mapping[str, float | None]) -> dict[str, Any]:
    """Judge and rank methods.

    Those that pass come first; among equals counts the mean of their ranks in each of `CRITERIA`, then infidelity.

    Parameters
    ----------
    sanity : mapping
        What `sanity.examine` gives.
    completeness : mapping of method to float, optional

    Returns
    -------
    dict
        `methods`: a row per method in order of rank, with `verdict` and `reasons`; `best`: the first one, or None;
        `nuclei`: how many were looked at.
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
