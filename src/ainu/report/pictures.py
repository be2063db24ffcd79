"""Pictures of the page: figures of the run, embedded, each with a title and a caption."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ainu.errors import AinuError
from ainu.report.text import words

WIDE = 1.7
"""Width over height from which a figure is wide."""

_MIME = {"svg": "image/svg+xml", "png": "image/png"}

EVALUATION = {
    "confusion": (
        "Confusion matrix",
        "Nuclei by true and predicted class, out of fold; the colour is the share of the true class.",
    ),
    "roc": (
        "ROC curve",
        "True against false positive rate, out of fold, as the threshold on the predicted probability moves.",
    ),
    "precision_recall": (
        "Precision and recall",
        "Of the nuclei called a class, how many are of it (precision), against how many of the class are found "
        "(recall).",
    ),
    "reliability": (
        "Reliability",
        "How often the predicted class is right, against how probable the network says it is. On the diagonal the "
        "probabilities can be taken at their word.",
    ),
    "embedding": (
        "Embedding",
        "What the last layer makes of each nucleus, flattened to two dimensions, by class and by replicate. "
        "Distances between far groups mean nothing; replicates that stand apart within a class mean a batch effect.",
    ),
    "errors": (
        "Surest errors",
        "Nuclei told wrong with the highest probability: worth a look by eye, since a wrong label or a damaged cell is "
        "often among them.",
    ),
    "learning_curve": (
        "Learning curve",
        "Balanced accuracy out of fold against what was trained on. A curve that still rises asks for more replicates.",
    ),
    "score_by_count": (
        "Score against localization count",
        "Balanced accuracy when the nuclei held out keep only a share of their localizations.",
    ),
    "permutation": (
        "Label permutation",
        "Balanced accuracy with shuffled labels (grey) and with the true ones (line).",
    ),
}
"""Title and caption of an evaluation figure by its file's stem, in the order of the page."""

TRAINING = {
    "training": (
        "Training curves",
        "Loss, balanced accuracy on held-back training replicates, and learning rate over the epochs, a line per "
        "model.",
    ),
}

ATTRIBUTION = {
    "removal": (
        "Removing and inserting localizations",
        "How sure the network stays as the localizations that a method points at are removed first (the faster it "
        "falls, the better), or put first into an empty nucleus (the faster it rises, the better), against a random "
        "order and the brightest voxels first. Dashed: the method fails its checks.",
    ),
    "examples": ("One nucleus of each class", "With the map of every method, and the verdict on it."),
    "compartments": (
        "Compartments",
        "How much denser the evidence is in each compartment than in the rest of the nucleus, by the method that ranks "
        "first, with 95 % intervals over replicates. 1: no denser.",
    ),
    "radial": ("Radial profile", "Mean attribution from the rim of the nucleus to its middle."),
}
"""The same for figures of the attribution."""

DRAWN_HERE = ("class_means",)
"""Figures that the page draws itself, for every method."""


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


def embedded(paths: Iterable[Path], known: Mapping[str, tuple[str, str]]) -> list[Picture]:
    """Figures of the run: the known ones in their order, then others under their names."""
    order = list(known)
    paths = [Path(path) for path in paths]
    chosen = sorted(paths, key=lambda path: order.index(path.stem) if path.stem in order else len(order))
    return [_picture(path, known) for path in chosen]


def _picture(path: Path, known: Mapping[str, tuple[str, str]]) -> Picture:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in _MIME:
        raise AinuError(f"{path}: a report embeds .svg and .png figures")
    try:
        source = data_uri(path.read_bytes(), kind)
    except OSError as error:
        raise AinuError(f"{path}: cannot be read ({error.strerror})") from None
    title, caption = known.get(path.stem, (words(path.stem).capitalize(), ""))
    return Picture(path.stem, title, source, f"{title}. {caption}".strip(), caption, _is_wide(path))


def _is_wide(path: Path) -> bool:
    """Whether a figure is several panels side by side, which need the whole width of the page."""
    if path.suffix.lower() == ".png":
        with Image.open(path) as image:
            return image.width > WIDE * image.height
    box = re.search(rb'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', path.read_bytes()[:2000])
    return box is not None and float(box[1]) > WIDE * float(box[2])
