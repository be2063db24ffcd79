"""Pictures of the page: figures of the run, embedded, each with a title and a caption."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ainu.errors import AinuError
from ainu.report.captions import Caption
from ainu.report.text import words

WIDE = 1.7
"""Width over height from which a figure is wide."""

_MIME = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True)
class Picture:
    """An image of the page, embedded."""

    stem: str
    title: str
    source: str
    alt: str
    caption: str = ""
    wide: bool = False


def data_uri(content: bytes, kind: str) -> str:
    """An image as the page holds it."""
    return f"data:{_MIME[kind]};base64,{base64.b64encode(content).decode()}"


def embedded(paths: Iterable[Path], captions: Mapping[str, Caption]) -> list[Picture]:
    """Figures of the run: those with a caption in its order, then others under their names."""
    order = list(captions)
    paths = [Path(path) for path in paths]
    chosen = sorted(paths, key=lambda path: order.index(path.stem) if path.stem in order else len(order))
    return [_picture(path, captions) for path in chosen]


def _picture(path: Path, captions: Mapping[str, Caption]) -> Picture:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in _MIME:
        raise AinuError(f"{path}: a report embeds .svg and .png figures")
    try:
        source = data_uri(path.read_bytes(), kind)
    except OSError as error:
        raise AinuError(f"{path}: cannot be read ({error.strerror})") from None
    caption = captions.get(path.stem, Caption(words(path.stem).capitalize(), ""))
    alt = f"{caption.title}. {caption.text}".strip()
    return Picture(path.stem, caption.title, source, alt, caption.text, _is_wide(path))


def _is_wide(path: Path) -> bool:
    """Whether a figure is several panels side by side, which need the whole width of the page."""
    if path.suffix.lower() == ".png":
        with Image.open(path) as image:
            return image.width > WIDE * image.height
    box = re.search(rb'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', path.read_bytes()[:2000])
    return box is not None and float(box[1]) > WIDE * float(box[2])
