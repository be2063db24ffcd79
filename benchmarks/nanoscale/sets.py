"""Sets of simulated nuclei drawn by a seed: two classes that differ at the nanoscale, at the micrometre, or at both.

    python benchmarks/nanoscale/sets.py FOLDER [--family NAME] [--only NAME ...] [--nuclei N] [--drift NM]

writes each set as a project of its own below FOLDER: localization files, sheet and config, the truth beside. Then

    snakemake --snakefile PATH/Snakefile --directory FOLDER/NAME --cores 2

`SETS_TUNE` and `SETS_SPARSE` are what methods are chosen on, `SETS_SHOW` too by now; `SETS_LAST` has other structures,
seeds and ranges, for one run at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src")]

from ainu.simulation.conditions import Condition  # noqa: E402
from ainu.simulation.fields import write_fields  # noqa: E402
from ainu.simulation.microscope import CHANNELS  # noqa: E402
from ainu.simulation.pairs import BASE, PAIRS, pair  # noqa: E402
from ainu.simulation.tuning import with_blinking, with_localizations, with_precision  # noqa: E402

KINDS = ("nanoscale", "micrometre", "two-scale")
CLASSES = ("first", "second")
FAMILIES = {"tune": 14, "show": 4114, "last": 9114}
"""Family -> where its seeds start."""


@dataclass(frozen=True)
class Spec:
    """A set of two classes of nuclei.

    Attributes
    ----------
    name : str
        Of its folder.
    kind : str
        What the classes differ in.
    seed : int
        Of the nuclei.
    conditions : dict of str to Condition
        Class -> what its nuclei look like.
    nuclei_per_class, replicates : int
        Each replicate holds both classes, in equal parts.
    config : mapping
        What its config says beyond samples, channels and classes.
    """

    name: str
    kind: str
    seed: int
    conditions: dict[str, Condition]
    nuclei_per_class: int = 30
    replicates: int = 6
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> list[dict[str, str]]:
        """Rows of its sheet."""
        return [
            {
                "sample": f"{label}-{number:03d}",
                "path": f"data/{label}-{number:03d}.hdf5",
                "channels": ",".join(f"{code}:{name}" for code, name in enumerate(CHANNELS)),
                "label": label,
                "replicate": f"r{number % self.replicates + 1}",
            }
            for label in self.conditions
            for number in range(self.nuclei_per_class)
        ]


def draw_set(
    kind: str, seed: int, nuclei_per_class: int = 30, replicates: int = 6, family: str = "tune", name: str | None = None
) -> Spec:
    """Draw a set.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    seed : int
        The same seed gives the same set.
    nuclei_per_class, replicates : int
        How many.
    family : str
        Ranges of structure, one of `FAMILIES`.
    name : str, optional
        Of the set.

    Returns
    -------
    Spec
    """
    rng = np.random.default_rng([seed, FAMILIES[family], KINDS.index(kind)])
    first = _recorded(rng, replace(STRUCTURES[family](rng), **(VARIED if kind == "two-scale" else {})))
    conditions = dict(zip(CLASSES, (first, _second(rng, kind, first)), strict=True))
    of_nuclei = 1000 * FAMILIES[family] + seed
    return Spec(name or f"{family}-{kind}-{seed}", kind, of_nuclei, conditions, nuclei_per_class, replicates)


def _recorded(rng: np.random.Generator, structure: Condition) -> Condition:
    """1 to 10 localizations per emitter, precision 5 to 20 nm, 10 to 200 thousand localizations, background to 20 %."""
    dim = replace(structure, false_share=float(rng.uniform(0, 0.2)), sequential=bool(rng.random() < 0.5))
    precise = with_precision(dim, float(rng.uniform(5, 20)))
    blinking = with_blinking(precise, exp(rng.uniform(log(1), log(10))))
    return with_localizations(blinking, exp(rng.uniform(log(10_000), log(200_000))))


def _tune(rng: np.random.Generator) -> Condition:
    """Round clusters in ellipses."""
    return Condition(
        **BARE,
        clusters=int(rng.integers(150, 350)),
        cluster_nm=float(rng.uniform(22, 32)),
        clutch_nm=float(rng.uniform(35, 55)),
        single_share=float(rng.uniform(0.25, 0.45)),
    )


def _show(rng: np.random.Generator) -> Condition:
    """Rings and rods, few or many, in long, small and bean-shaped nuclei with few or many nucleoli."""
    return Condition(
        **BARE,
        clusters=int(rng.choice([90, 700])),
        cluster_nm=float(rng.uniform(25, 45)),
        cluster_shape=str(rng.choice(["ring", "rod"])),
        clutch_nm=float(rng.uniform(25, 80)),
        single_share=float(rng.uniform(0.1, 0.6)),
        rim_excess=float(rng.uniform(0, 5)),
        **NUCLEI[rng.integers(len(NUCLEI))],
    )


def _last(rng: np.random.Generator) -> Condition:
    """Clusters in any number, of dyes that blink in bursts and label a part, in round, flat or bean-shaped nuclei."""
    return Condition(
        **BARE,
        clusters=round(exp(rng.uniform(log(80), log(1000)))),
        cluster_nm=float(rng.uniform(22, 40)),
        cluster_shape=str(rng.choice(["blob", "ring", "rod"])),
        clutches=int(rng.integers(150, 900)),
        clutch_nm=float(rng.uniform(30, 100)),
        single_share=float(rng.uniform(0.2, 0.6)),
        rim_excess=float(rng.uniform(0, 4)),
        blinking="geometric",
        dark_frames=float(rng.uniform(100, 2000)),
        labelled_share=float(rng.uniform(0.4, 0.9)),
        labelling_sd=0.3,
        **LAST_NUCLEI[rng.integers(len(LAST_NUCLEI))],
    )


BARE: dict[str, Any] = {"drift_nm": 0.0, "least_photons": 300.0, "frames": 10_000}
"""No drift, and photons that the pipeline's filters let pass."""
VARIED = {"nucleolar_share_sd": 0.45, "cluster_sd": 0.08}
"""Nuclei of two-scale sets vary, so that neither scale alone says all that both say together."""
NUCLEI: tuple[dict[str, Any], ...] = (
    {"axes_nm": (7500.0, 3200.0), "nucleoli": (1, 3), "nucleolus_nm": (600.0, 900.0)},
    {"axes_nm": (3600.0, 3400.0), "axes_sd_nm": 150.0, "nucleoli": (1, 2), "nucleolus_nm": (600.0, 900.0)},
    {"axes_nm": (6500.0, 5200.0), "bite_nm": 1800.0, "nucleoli": (3, 6), "nucleolus_nm": (500.0, 900.0)},
)
LAST_NUCLEI: tuple[dict[str, Any], ...] = (
    {"axes_nm": (5600.0, 5300.0), "nucleoli": (2, 5), "nucleolus_nm": (500.0, 1000.0)},
    {"axes_nm": (6800.0, 4000.0), "nucleoli": (1, 4), "nucleolus_nm": (600.0, 1000.0)},
    {"axes_nm": (5200.0, 4200.0), "bite_nm": 1400.0, "nucleoli": (2, 4), "nucleolus_nm": (500.0, 800.0)},
)
STRUCTURES = {"tune": _tune, "show": _show, "last": _last}


def _second(rng: np.random.Generator, kind: str, first: Condition) -> Condition:
    """The other class: clusters 1.3 to 1.5 times as wide, 12 to 30 % of Pol II in nucleoli, or somewhat of both."""
    both = kind == "two-scale"
    factor, share = (
        rng.uniform(*((1.2, 1.4) if both else (1.3, 1.5))),
        rng.uniform(*((0.1, 0.2) if both else (0.12, 0.3))),
    )
    wider = {"cluster_nm": float(first.cluster_nm * factor)} if kind != "micrometre" else {}
    moved = {"nucleolar_share": float(share)} if kind != "nanoscale" else {}
    return replace(first, **wider, **moved)


def _family(family: str) -> tuple[Spec, ...]:
    return tuple(
        draw_set(kind, number, family=family, name=f"{family}-{number:02d}-{kind}")
        for number, kind in enumerate(KINDS * 4, start=1)
    )


def _sparse(number: int) -> Spec:
    """A set of 10 to 20 thousand localizations, of either family of structures before."""
    kind, family = KINDS[number % 2 * 2], ("show", "tune")[number // 2 % 2]
    spec = draw_set(kind, 500 + number, family=family, name=f"sparse-{number}-{kind}")
    few = exp(np.random.default_rng(900 + number).uniform(log(10_000), log(20_000)))
    return replace(spec, conditions={label: with_localizations(own, few) for label, own in spec.conditions.items()})


SETS_TUNE, SETS_SHOW, SETS_LAST = _family("tune"), _family("show"), _family("last")
SETS_SPARSE = tuple(_sparse(number) for number in range(8))
CONFOUNDED = tuple(
    Spec(f"only-{kind}", kind, 1, dict(zip(CLASSES, pair(kind), strict=True)), config=config)
    for kind in PAIRS
    for config in [{"drift": {"method": "none"}} if kind == "drift" else {}]
)
"""A set for each pair of `ainu.simulation.pairs`: a structure, or nothing but how it was recorded."""
_SPARED = replace(BASE, clusters=200, cluster_emitters=20.0)
ALTERED = tuple(
    Spec(f"altered-{where}", "nanoscale", 1, dict(zip(CLASSES, (_SPARED, altered), strict=True)))
    for where in ("random", "disc", "half")
    for altered in [replace(_SPARED, altered_where=where, altered_share=1 / 3, altered_nm=60.0)]
)
"""A third of the clusters of the second class is wider: attribution is to find them, localization by localization."""
SETS = {
    "tune": SETS_TUNE,
    "sparse": SETS_SPARSE,
    "show": SETS_SHOW,
    "last": SETS_LAST,
    "confounded": CONFOUNDED,
    "altered": ALTERED,
}


def with_drift(spec: Spec, drift_nm: float) -> Spec:
    """The same set recorded by a microscope that drifts."""
    conditions = {label: replace(condition, drift_nm=drift_nm) for label, condition in spec.conditions.items()}
    return replace(spec, conditions=conditions)


def write_project(spec: Spec, folder: str | Path, threads: int = 1) -> None:
    """Write a set as a project: data/*.hdf5 (Picasso), config/samples.tsv, config/config.yaml, truth.h5.

    Parameters
    ----------
    spec : Spec
        The set.
    folder : path
        Of the project; made where it is missing.
    threads : int
        Processes.
    """
    folder = Path(folder)
    for name in ("data", "config"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = [row | {"path": str(folder / row["path"])} for row in spec.rows]
    write_fields(files, spec.conditions, spec.seed, folder / "truth.h5", threads)
    pd.DataFrame(spec.rows).to_csv(folder / "config" / "samples.tsv", sep="\t", index=False)
    config = {
        "samples": "config/samples.tsv",
        "channels": list(CHANNELS),
        "experiments": {spec.kind: {"classes": list(spec.conditions)}},
    }
    text = yaml.safe_dump(config | dict(spec.config), sort_keys=False)
    (folder / "config" / "config.yaml").write_text(text, encoding="utf-8")


def main() -> None:
    """Write sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=list(SETS), default="tune")
    parser.add_argument("--only", nargs="*", help="names of sets")
    parser.add_argument("--nuclei", type=int, default=30, help="per class")
    parser.add_argument("--drift", type=float, help="of the field by the end of the acquisition, nm")
    options = parser.parse_args()
    for spec in SETS[options.family]:
        if not options.only or spec.name in options.only:
            drifting = spec if options.drift is None else with_drift(spec, options.drift)
            write_project(replace(drifting, nuclei_per_class=options.nuclei), options.folder / spec.name)
            print(options.folder / spec.name)


if __name__ == "__main__":
    main()
