"""What the name of a column says: which quantity it holds, along which axis, and in which unit.

The names are those of the programs of the field and of scripts around them, in any case, with blanks, underscores,
hyphens or points between words, and with the unit in brackets of either kind (`x [nm]`, `X (µm)`) or at the end
(`xnm`, `x_nm`, `x-nm`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ainu.localizations.formats.units import LENGTH_COLUMNS, LENGTHS

SINGLE: dict[str, tuple[str, ...]] = {
    "x": ("x", "xposition", "positionx", "xpos", "posx", "xcoord", "xcoordinate", "coordx"),
    "y": ("y", "yposition", "positiony", "ypos", "posy", "ycoord", "ycoordinate", "coordy"),
    "z": ("z", "zposition", "positionz", "zpos", "posz", "zcoord", "zcoordinate", "coordz"),
    "frame": (
        *("frame", "framenumber", "frameix", "frameid", "frameno", "framenr", "framenum", "frameindex"),
        *("imagenumber", "firstframe"),
    ),
    "photons": ("intensity", "photons", "photon", "phot", "photoncount", "photonnumber", "numberphotons", "nphotons"),
    "background": ("offset", "background", "bg", "bkg", "localbackground"),
    "precision": (
        *("uncertaintyxy", "uncertainty", "precision", "precisionxy", "xyprecision", "lateraluncertainty"),
        *("lateralprecision", "laterallocalizationaccuracy", "locprec", "localizationprecision", "locprecision"),
    ),
    "sigma": ("sigma", "sigmaxy", "psfsigma", "sigmapsf", "psfhalfwidth"),
    "channel": ("channel", "channelname", "channelindex", "channelid", "probe", "visprobe"),
}
"""Canonical column -> what it is called, the preferred name first; without blanks and signs between words."""
PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "precision": (
        ("uncertaintyx", "uncertaintyy"), ("xuncertainty", "yuncertainty"), ("precisionx", "precisiony"),
        ("xprecision", "yprecision"), ("lpx", "lpy"), ("crlbx", "crlby"), ("xsig", "ysig"), ("locprecx", "locprecy"),
    ),
    "sigma": (
        ("sigma1", "sigma2"), ("sigmax", "sigmay"), ("psfsigmax", "psfsigmay"), ("psfx", "psfy"), ("sx", "sy"),
    ),
}  # fmt: skip
"""Precision and width along both axes."""
FWHM = ("fwhm", "psffwhm")
"""Full widths at half maximum, 2.3548 standard deviations."""
WORDS = {
    "nanometer": "nm", "nanometers": "nm", "nanometre": "nm", "nanometres": "nm",
    "micrometer": "um", "micrometers": "um", "micrometre": "um", "micrometres": "um", "micron": "um", "microns": "um",
    "pix": "px", "pixel": "px", "pixels": "px", "photon": "photon", "photons": "photon",
}  # fmt: skip
SUFFIXES = ("pixels", "pixel", "pix", "px", "nm", "um", "µm", "μm")


@dataclass(frozen=True)
class NamedColumns:
    """Which columns of a file are what.

    Attributes
    ----------
    single : dict of str to str
        Canonical column -> column of the file.
    pairs : dict of str to (str, str)
        `precision` or `sigma` -> its columns along x and y.
    units : dict of str to str
        Canonical column -> its unit in the file; empty where the name has none.
    fwhm : str, optional
        Column of a full width at half maximum, where there is no standard deviation.
    """

    single: dict[str, str]
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    fwhm: str | None = None

    def both(self) -> list[str]:
        """Columns of the file that canonical ones are computed of."""
        return [*(name for pair in self.pairs.values() for name in pair), *([self.fwhm] if self.fwhm else [])]

    def title(self, target: str) -> str:
        """The column of the file that a canonical one comes from, the first one of a pair."""
        return self.single.get(target) or self.pairs.get(target, (self.fwhm or "",))[0]

    def used(self) -> set[str]:
        """Columns of the file that something comes from."""
        return {*self.single.values(), *self.both()}


def squashed(name: str) -> str:
    """A name in small letters, without blanks and signs between its words."""
    return re.sub(r"[\s_.\-]+", "", name).lower()


def parts(name: str) -> tuple[str, str]:
    """Name and unit of a column.

    Parameters
    ----------
    name : str
        As in the header.

    Returns
    -------
    name : str
        Squashed, without the unit.
    unit : str
        As in `LENGTHS` where it is a length; as it is written for others; empty for none.
    """
    bracketed = re.fullmatch(r"(.*?)\s*[\[(]\s*([^\[\]()]*?)\s*[\])]\s*", name)
    if bracketed:
        return squashed(bracketed.group(1)), unit_of(bracketed.group(2))
    whole = squashed(name)
    if whole in _KNOWN:
        return whole, ""
    for suffix in SUFFIXES:
        if whole.endswith(suffix) and whole[: -len(suffix)] in _LENGTHS:
            return whole[: -len(suffix)], unit_of(suffix)
    return whole, ""


def unit_of(text: str) -> str:
    """A unit as it is known here: `micrometer` is um; one that is not known, as it is written."""
    return text if text in LENGTHS else WORDS.get(text.lower(), text.lower() if text.lower() in LENGTHS else text)


def named_columns(names: Sequence[str], *, exact: bool = False) -> NamedColumns:
    """Which of the columns of a file are what.

    Parameters
    ----------
    names : sequence of str
        Columns of the file.
    exact : bool
        A column with precisely a canonical name goes before all others.

    Returns
    -------
    NamedColumns
        Of columns that may be the same, the one with the preferred name, and of these one that is not in pixels.
    """
    split = [(name, *parts(name)) for name in names]
    by_name: dict[str, tuple[str, str]] = {}
    for name, bare, unit in sorted(split, key=lambda found: found[2] == "px"):
        by_name.setdefault(bare, (name, unit))
    sources = {target: next((own for own in known if own in by_name), None) for target, known in SINGLE.items()}
    found = {target: by_name[own] for target, own in sources.items() if own is not None}
    if exact:
        found |= {target: (target, "") for target in SINGLE if target in names}
    pairs: dict[str, tuple[str, str]] = {}
    units = {target: unit for target, (_, unit) in found.items()}
    for target, known in PAIRS.items():
        pair = next((pair for pair in known if set(pair) <= set(by_name)), None)
        if target not in found and pair:
            pairs[target] = (by_name[pair[0]][0], by_name[pair[1]][0])
            units[target] = by_name[pair[0]][1]
    width = next((own for own in FWHM if own in by_name), None) if not {"sigma"} & {*found, *pairs} else None
    if width:
        units["sigma"] = by_name[width][1]
    return NamedColumns(
        {target: name for target, (name, _) in found.items()}, pairs, units, width and by_name[width][0]
    )


_LENGTHS = {
    *(name for target in LENGTH_COLUMNS for name in SINGLE[target]),
    *(name for known in PAIRS.values() for pair in known for name in pair),
    *FWHM,
}
_KNOWN = {*_LENGTHS, *(name for known in SINGLE.values() for name in known)}
