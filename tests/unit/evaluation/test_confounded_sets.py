"""Simulated classes that differ in nothing but one thing: the sets of benchmarks/nanoscale/confounded.py."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "nanoscale"


@pytest.fixture(scope="module")
def confounded():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        spec = importlib.util.spec_from_file_location("nanoscale_confounded", FOLDER / "confounded.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "warns"), [("blinks", "confounders"), ("nanoscale", "none")])
def test_classes_that_blink_differently_are_warned_of_and_clusters_of_different_radius_are_not(confounded, kind, warns):
    """As many localizations in all, in both: files, stages and classifiers of the recording, without networks."""
    spec = {spec.name: spec for spec in confounded.SETS["confounded"]}[f"only-{kind}"]
    (row,) = confounded.bare(replace(spec, nuclei_per_class=12))
    assert row["warns"] == warns
