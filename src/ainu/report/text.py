"""Numbers and names as one reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from ainu.intervals import as_number
from ainu.prose import listed

_ACRONYMS = {"auroc": "AUROC", "ece": "ECE", "frc": "FRC", "mcc": "MCC", "f1": "F1", "nena": "NeNA", "p": "p"}
_UNITS = {"nm": "nm", "um": "µm", "um2": "µm²", "px": "px"}
_TITLES = {
    "n": "nuclei",
    "probability_of_truth": "mean probability of the true class",
    "deletion_random": "deletion, random order",
    "max_sensitivity": "max-sensitivity",
    "labels": "nuclei by class",
    "ood": "out-of-distribution score (1: typical)",
    "unlike_training": "out of distribution",
}


def number_text(value: Any) -> str:
    """A number as one reads it: three figures, thin spaces between thousands, a dash where there is none."""
    number = as_number(value)
    if number is None:
        return "–"
    if number == int(number) and abs(number) < 1e15 and not (isinstance(value, float) and abs(number) < 2):
        return f"{int(number):,}".replace(",", "\u202f").replace("-", "−")
    digits = f"{number:.3f}" if 0.001 <= abs(number) < 10 else f"{number:.3g}"
    return (f"{number:,.0f}".replace(",", "\u202f") if 1000 <= abs(number) < 1e15 else digits).replace("-", "−")


def heading(name: str) -> str:
    """A column's name as a heading: `drift_max_nm` becomes "drift max (nm)"."""
    if name in _TITLES:
        return _TITLES[name]
    parts = [_ACRONYMS.get(part, part) for part in name.split("_")]
    for place, part in enumerate(parts):
        if place and part in _UNITS:
            return f"{' '.join([*parts[:place], *parts[place + 1 :]])} ({_UNITS[part]})"
    return " ".join(parts).strip() or name


def words(name: str) -> str:
    """A setting's name as words."""
    return name.replace("_", " ")


def name_text(name: Any) -> Markup:
    """A user's name within a sentence: its direction of writing stays its own."""
    return Markup("<bdi>{}</bdi>").format(str(name))


def names_text(names: Iterable[Any]) -> Markup:
    """Users' names in a sentence."""
    return Markup(listed(name_text(name) for name in names))


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: "1 nucleus", "12 nuclei".

    Parameters
    ----------
    number : int
        How many.
    one : str
        The noun after 1.
    several : str
        The noun after other numbers; by default `one` with an s.

    Returns
    -------
    str
    """
    return f"{number_text(int(number))} {one if number == 1 else several or one + 's'}"
