"""Figures as image files: the same figure gives the same bytes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from ainu.errors import AinuError
from ainu.figures.style import STYLE
from ainu.files import whole

_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None},
}


def encode(figure: Figure, kind: str, *, dpi: int = 150) -> bytes:
    """The bytes of a figure as an image file.

    Parameters
    ----------
    figure : Figure
        What to draw.
    kind : {"svg", "png", "pdf"}
        Format. The bytes hold no date: the same figure gives the same file.
    dpi : int
        Pixels per inch of `png`, and of images inside the others.

    Returns
    -------
    bytes
        A whole file.

    Raises
    ------
    AinuError
        For any other format.
    """
    if kind not in _METADATA:
        raise AinuError(f"a figure cannot be written as {kind!r}; allowed: {', '.join(_METADATA)}")
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # SVG leaves the text to its reader, who has other fonts.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return buffer.getvalue()


def save(figure: Figure, path: str | Path, *, dpi: int = 150) -> None:
    """Write a figure in the format that the name ends in (.svg, .png or .pdf); the file appears when it is whole.

    An SVG, for the screen, gets a PDF beside it, for papers.

    Parameters
    ----------
    figure : Figure
        To be drawn.
    path : path
        Of the file.
    dpi : int
        Dots per inch of what is drawn as pixels.
    """
    path = Path(path)
    for name in (path, path.with_suffix(".pdf")) if path.suffix.lower() == ".svg" else (path,):
        content = encode(figure, name.suffix.removeprefix(".").lower(), dpi=dpi)
        with whole(name) as part:
            part.write_bytes(content)
