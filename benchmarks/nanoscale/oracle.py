"""What is there to be seen: classifiers that know what was planted, on localizations jittered more and more.

    python benchmarks/nanoscale/oracle.py [--family tune|show|confounded] [--only NAME ...] [--nuclei N] [--write]

The statistics of a nucleus, by what its set differs in:

- `share`: the share of Pol II localizations that lie in the true nucleoli;
- `members`: the spread of emitters within true clusters, known to the oracle whatever the jitter (an upper bound);
- `pairs`: the pairs of Pol II by distance; it does not know the clusters: what a method can use that is told nothing.

A linear discriminant is fitted to as many nuclei of other seeds, and scored on those of the set.
True drift is subtracted. At the level `light` a light microscope images the localizations: blurred by a Gaussian of
sd 110 nm, in pixels of 100 nm. With --write, the scores go into oracle.tsv, where those of other sets stay, and sets.md
is written from it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE)]

from sets import SETS, Spec  # noqa: E402

from ainu.localizations.table import Localizations  # noqa: E402
from ainu.simulation.conditions import Condition  # noqa: E402
from ainu.simulation.fields import field_seed, simulate  # noqa: E402
from ainu.simulation.truth import Truth  # noqa: E402
from ainu.simulation.tuning import localizations_of, precision_of  # noqa: E402

Array = NDArray[np.float64]
LIGHT = "light"
LEVELS: tuple[float | str, ...] = (0, 10, 20, 50, 100, 250, LIGHT)
"""Standard deviation of the jitter of each localization, nm; or the light microscope."""
STATISTICS = {
    "nanoscale": ("members", "pairs"),
    "micrometre": ("share",),
    "two-scale": ("share and members", "share and pairs"),
}
LIGHT_NM, PIXEL_NM = 110.0, 100
BINS = 14


def pol_ii(table: Localizations, truth: Truth) -> tuple[Array, NDArray[np.int32], NDArray[np.int32]]:
    """Positions without drift of Pol II in the nucleus (nm), with their emitters and clusters."""
    chosen = table.channel == 0
    position = np.stack([table.x, table.y], axis=1).astype(float) - truth.drift[table.frame, :2]
    chosen &= truth.nuclei[0].contains(position)
    return position[chosen], truth.emitter[chosen], truth.cluster[chosen]


def share(position: Array, truth: Truth, level: float | str) -> Array:
    """Logit of the share that lies in the nucleoli, (1,)."""
    if level == LIGHT:
        image, x, y = light_image(position)
        inside = np.any([shape.radius(x, y) < 1 for shape in truth.nucleoli[0]], axis=0)
        there, total = image[inside].sum(), image.sum()
    else:
        there = np.any([shape.contains(position) for shape in truth.nucleoli[0]], axis=0).sum()
        total = len(position)
    return np.log([(there + 0.5) / (total - there + 0.5)])


def light_image(position: Array) -> tuple[Array, Array, Array]:
    """An image by a light microscope, and the (Y, X) positions of its pixels, nm."""
    step, low = PIXEL_NM // 5, position.min(axis=0) - 500
    cells = ((position - low) // step).astype(int)
    ny, nx = -(-(cells[:, ::-1].max(axis=0) + 30) // 5) * 5
    fine = np.bincount(cells[:, 1] * nx + cells[:, 0], minlength=ny * nx).reshape(ny, nx).astype(float)
    image = gaussian_filter(fine, LIGHT_NM / step).reshape(ny // 5, 5, nx // 5, 5).sum(axis=(1, 3))
    y, x = (np.indices(image.shape) + 0.5) * PIXEL_NM
    return image, x + low[0], y + low[1]


def members(position: Array, emitter: NDArray[np.int32], cluster: NDArray[np.int32]) -> Array:
    """Logarithm of the variance of emitters within true clusters, (1,)."""
    real = cluster >= 0
    _, first, index, number = np.unique(emitter[real], return_index=True, return_inverse=True, return_counts=True)
    middle = np.stack([np.bincount(index, axis) for axis in position[real].T], axis=1) / number[:, None]
    _, cluster = np.unique(cluster[real][first], return_inverse=True)
    size = np.bincount(cluster)
    centre = np.stack([np.bincount(cluster, axis) for axis in middle.T], axis=1) / size[:, None]
    return np.log([((middle - centre[cluster]) ** 2).sum() / (2 * (size - 1).sum())])


def pairs(position: Array, level: float | str) -> Array:
    """Pairs per localization and area in excess of those farther apart, at distances that grow by a factor: (bins,).

    Unlike the pair correlation, it does not depend on how many clusters are labelled, only on what they are like.
    """
    if level == LIGHT:
        image, voxel, farthest = light_image(position)[0], float(PIXEL_NM), 1200.0
    else:
        voxel, farthest = max(10.0, float(level) / 5), 250.0 + 4 * float(level)
        cells = ((position - position.min(axis=0)) // voxel).astype(int)
        nx, ny = cells.max(axis=0) + 1
        image = np.bincount(cells[:, 1] * nx + cells[:, 0], minlength=nx * ny).reshape(ny, nx).astype(float)
    reach = int(farthest / voxel)
    together = autocorrelation(image, reach)
    lag = np.arange(-reach, reach + 1)
    bins = np.digitize(np.hypot(lag[:, None], lag), np.geomspace(0.9, reach, BINS + 1)).ravel()
    found, size = (np.bincount(bins, values, minlength=BINS + 2)[1:-1] for values in (together.ravel(), None))
    density = found[size > 0] / size[size > 0] / voxel**2
    return (density[:-2] - density[-2:].mean()) / image.sum()


def autocorrelation(image: Array, reach: int) -> Array:
    """Products of an image with itself moved by up to `reach` pixels, (2 reach + 1, 2 reach + 1)."""
    shape = [fft.next_fast_len(edge + reach, real=True) for edge in image.shape]
    power = np.abs(fft.rfft2(image.astype(np.float32), shape)) ** 2
    lag = np.arange(-reach, reach + 1)
    return fft.irfft2(power, shape)[np.ix_(lag, lag)]


def features(kind: str, table: Localizations, truth: Truth, level: float | str, seed: int) -> dict[str, Array]:
    """Statistic -> its values for one nucleus at one level."""
    position, emitter, cluster = pol_ii(table, truth)
    if level != LIGHT:
        position = position + np.random.default_rng(seed).normal(0, 1, position.shape) * level
    parts: dict[str, Array] = {}
    wanted = " ".join(STATISTICS[kind])
    if "share" in wanted:
        parts["share"] = share(position, truth, level)
    if "members" in wanted and level != LIGHT:
        parts["members"] = members(position, emitter, cluster)
    if "pairs" in wanted:
        parts["pairs"] = pairs(position, level)
    names = {name: name.split(" and ") for name in STATISTICS[kind]}
    return {
        name: np.concatenate([parts[part] for part in own])
        for name, own in names.items()
        if all(part in parts for part in own)
    }


def measured(spec: Spec, kind: str, levels: Sequence[float | str]) -> dict[tuple[str, float | str], Array]:
    """(Statistic, level) -> (nuclei, values), in the order of the sheet."""
    found: dict[tuple[str, float | str], list[Array]] = {}
    for number, row in enumerate(spec.rows):
        seed = field_seed(spec.seed, row["sample"])
        condition = spec.conditions[row["label"]]
        table, truth = simulate(condition, seed, replicate=row["replicate"], name=row["label"])
        for level in levels:
            for name, values in features(kind, table, truth, level, number).items():
                found.setdefault((name, level), []).append(values)
    return {key: np.array(values) for key, values in found.items()}


def oracle(spec: Spec, levels: Sequence[float | str] = LEVELS, kind: str | None = None) -> pd.DataFrame:
    """AUROC of the oracles over the nuclei of a set.

    Parameters
    ----------
    spec : Spec
        The set.
    levels : sequence
        Of jitter, nm; or "light".
    kind : str, optional
        What the oracles look at; what the set differs in, unless said.

    Returns
    -------
    DataFrame
        set, kind, statistic, level, auroc.
    """
    kind = kind or spec.kind
    label = np.array([row["label"] for row in spec.rows]) == list(spec.conditions)[1]
    own, other = (measured(each, kind, levels) for each in (spec, replace(spec, seed=spec.seed + 1_000_000)))
    rows = []
    for (name, level), values in own.items():
        discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        judge = make_pipeline(StandardScaler(), discriminant).fit(other[name, level], label)
        score = roc_auc_score(label, judge.decision_function(values))
        rows.append({"set": spec.name, "kind": kind, "statistic": name, "level": str(level), "auroc": score})
    return pd.DataFrame(rows)


def altered_oracle(spec: Spec) -> float:
    """AUROC of altered against other clustered Pol II localizations by the spread of their cluster."""
    scores = []
    for row in spec.rows:
        condition = spec.conditions[row["label"]]
        if condition.altered_where == "none":
            continue
        seed = field_seed(spec.seed, row["sample"])
        table, truth = simulate(condition, seed, replicate=row["replicate"], name=row["label"])
        chosen = (table.channel == 0) & (truth.cluster >= 0)
        cluster, position = truth.cluster[chosen], table.positions[chosen, :2].astype(float)
        size = np.bincount(cluster)
        middle = np.stack([np.bincount(cluster, axis) for axis in position.T], axis=1) / np.maximum(size, 1)[:, None]
        squares = ((position - middle[cluster]) ** 2).sum(axis=1)
        variance = np.bincount(cluster, squares) / np.maximum(size - 1, 1)
        scores.append(roc_auc_score(truth.altered[chosen], variance[cluster]))
    return float(np.mean(scores))


def described(spec: Spec) -> dict[str, str]:
    """What a set is, as a row of a table."""
    first, second = spec.conditions.values()

    def of_both(value: Callable[[Condition], float], text: str) -> str:
        values = [text.format(value(condition)) for condition in (first, second)]
        return values[0] if values[0] == values[1] else f"**{values[0]}, {values[1]}**"

    return {
        "set": spec.name,
        "per emitter": of_both(lambda c: c.blinks * c.blink_frames, "{:.1f}"),
        "precision": of_both(precision_of, "{:.0f} nm"),
        "localizations": of_both(lambda c: localizations_of(c) / 1000, "{:.0f} k"),
        "background": of_both(lambda c: c.false_share, "{:.0%}"),
        "drift": of_both(lambda c: c.drift_nm, "{:.0f} nm"),
        "axes": of_both(lambda c: sum(c.axes_nm) / 1000, "{:.1f} µm"),
        "clusters": f"{first.clusters} {first.cluster_shape}s of {first.cluster_emitters:.0f}",
        "radius (sd)": of_both(lambda c: c.cluster_nm, "{:.0f} nm"),
        "in nucleoli": of_both(lambda c: c.nucleolar_share, "{:.0%}"),
        "channels": "one after the other" if first.sequential else "together",
    }


def markdown(rows: list[dict[str, str]]) -> str:
    """Rows as a table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *[list(row.values()) for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(scores: pd.DataFrame) -> str:
    """The text of sets.md."""
    wide = scores.pivot_table("auroc", ["set", "statistic"], "level", sort=False)
    parts = [PREFACE]
    for family, specs in SETS.items():
        chosen = [spec for spec in specs if spec.name in wide.index]
        rows = [
            {"set": spec.name, "oracle": name} | {level: _score(value) for level, value in line.items()}
            for spec in chosen
            for name, line in wide.loc[spec.name].iterrows()
        ]
        if rows:
            parts.append(f"## {TITLES[family]}\n\n{markdown([described(spec) for spec in specs])}")
            parts.append(f"AUROC of the oracles, by jitter in nm:\n\n{markdown(rows)}")
        if rows and family == "altered":
            found = [{"set": spec.name, "AUROC": _score(altered_oracle(spec))} for spec in chosen]
            parts.append(f"{ALTERED_TEXT}\n\n{markdown(found)}")
    return "\n\n".join(parts) + "\n"


def _score(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}" if value < 0.995 else "1.00"


TITLES = {
    "tune": "Sets for choosing methods (`SETS_TUNE`)",
    "sparse": "Sets of few localizations for choosing methods (`SETS_SPARSE`)",
    "show": "Sets that were for one run at the end, and for choosing methods since (`SETS_SHOW`)",
    "last": "Sets for one run at the end (`SETS_LAST`)",
    "altered": "Sets in which a third of the clusters is wider, 60 instead of 25 nm (`ALTERED`)",
    "confounded": "Pairs that differ in one thing (`CONFOUNDED`)",
}
ALTERED_TEXT = (
    "Altered against other Pol II localizations in clusters, by the spread of their true cluster (mean over nuclei):"
)
PREFACE = """# Simulated sets, and what there is to be seen in them

Written by `python benchmarks/nanoscale/oracle.py --write` (30 nuclei per class in 6 replicates, as many of other seeds
for the discriminants). What the two classes of a set differ in is bold. Radius: standard deviation of Pol II clusters
along x and y, whatever their shape; axes: mean length and width of a nucleus. `members` knows the clusters, `pairs`
does not; `light`: as seen by a light microscope. In two-scale sets both differences vary between nuclei (sd of the
logarithm 0.08 of the radius, 0.45 of the nucleolar share), so that each scale alone says less than both."""


def main() -> None:
    """Score the oracles of sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=list(SETS), nargs="*", default=list(SETS))
    parser.add_argument("--only", nargs="*", help="names of sets")
    parser.add_argument("--nuclei", type=int, default=30, help="per class")
    parser.add_argument("--write", action="store_true", help="sets.md and oracle.tsv")
    options = parser.parse_args()
    found = []
    for spec in (spec for family in options.family for spec in SETS[family] if spec.kind in STATISTICS):
        if not options.only or spec.name in options.only:
            found.append(oracle(replace(spec, nuclei_per_class=options.nuclei)))
            print(found[-1].pivot(index=["set", "statistic"], columns="level", values="auroc").round(3), flush=True)
    scores = pd.concat(found)
    if options.write:
        if (HERE / "oracle.tsv").exists():
            before = pd.read_csv(HERE / "oracle.tsv", sep="\t", dtype={"level": str})
            scores = pd.concat([before[~before["set"].isin(scores["set"])], scores])
        scores.round(4).to_csv(HERE / "oracle.tsv", sep="\t", index=False)
        (HERE / "sets.md").write_text(page(scores), encoding="utf-8")


if __name__ == "__main__":
    main()
