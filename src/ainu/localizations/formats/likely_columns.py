"""Columns whose names look like a quantity that was not read: what a note or an error points at."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence

LOOKS = {
    "frame": r"frame|image[\s_.-]*(id|number|nr)",
    "z": r"^(pos(ition)?[\s_.-]*)?z([\s_.-]*(pos(ition)?|coord\w*))?([\s_.-]*([\[(].*|nm|um|µm|px))?$",
    "photons": r"phot|intensit|brightness|^signal|amplitude|^area$",
    "background": r"backgr|^bg|bkg|^offset|baseline",
    "precision": r"uncert|precis|accurac|crlb|^lp[xy]?$|loc[\s_.-]*(prec|err)",
    "sigma": r"sigma|psf|fwhm|width|^s[xy]$",
    "channel": r"channel|probe|colou?r|dye|fluoroph|species|wavelength|categ",
}
"""Canonical column -> what names of it have in common, in any program."""
NOT = {
    "frame": r"number[\s_.-]*frames|frames[\s_.-]*(missing|lost)|duration|size|rate|last",
    "photons": r"back|bg|sig|_cr$|var|std|err|offset|centroid",
    "background": r"var|std|sd$|_cr$|sig|err",
    "precision": r"[\s_.-]z\b|z$|axial|zcoord",
    "sigma": r"[\s_.-]z\b|z$|var|_cr$|photon|phot|bg|backgr|uncert|canvas|z[\s_.-]*sig|^[xyz][\s_.-]*sig",
    "channel": r"photon|count|bleed|presplit",
}
"""What shows that a name is of something else: an error of it, an axial value, a number of frames."""


def alike(quantity: str, names: Sequence[str]) -> list[str]:
    """Columns that look like a quantity.

    Parameters
    ----------
    quantity : str
        A canonical column.
    names : sequence of str
        Columns of a file.

    Returns
    -------
    list of str
        In the order of the file.
    """
    looks, unlike = re.compile(LOOKS[quantity]), re.compile(NOT.get(quantity, r"(?!)"))
    return [name for name in names if looks.search(name.strip().lower()) and not unlike.search(name.strip().lower())]


def unread_notes(unread: Sequence[str], read: Container[str]) -> Iterator[str]:
    """Notes of quantities that were not read although a column looks like it.

    Parameters
    ----------
    unread : sequence of str
        Columns of the file that nothing comes from, and that are not kept.
    read : container of str
        Canonical columns that were read.

    Yields
    ------
    str
        One note per quantity, but for the channel, whose lack is an error where it matters.
    """
    for quantity in LOOKS:
        likely = alike(quantity, unread)
        if quantity not in read and likely and quantity != "channel":
            yield f"no {quantity} is read; columns that look like it are not read: {', '.join(likely[:4])}"
