"""Simulated nuclei and their truth."""

from dataclasses import replace

import numpy as np
import pytest

from ainu import AinuError, read, simulate
from ainu.localizations.formats.writers import write
from ainu.simulation.conditions import CONDITIONS, Condition, conditions
from ainu.simulation.fields import field_seed, write_fields
from ainu.simulation.microscope import PIXEL_SIZE_NM
from ainu.simulation.truth import read_truth, write_truth


def nucleolar_share(condition: str, seed: int) -> float:
    quiet = replace(CONDITIONS[condition], drift_nm=0, false_share=0)
    table, truth = simulate(quiet, seed, name=condition)
    pol = table.of_channel("PolII")
    return float(np.mean(np.any([shape.radius(pol.x, pol.y) < 1 for shape in truth.nucleoli[0]], axis=0)))


def test_the_same_seed_gives_the_same_field():
    (a, _), (b, _), (c, _) = simulate("somatic", 5), simulate("somatic", 5), simulate("somatic", 6)
    assert np.array_equal(a.x, b.x)
    assert len(a) != len(c)


@pytest.mark.parametrize("condition", ["somatic", "hiPSC"])
def test_the_planted_share_of_pol_ii_lies_in_the_nucleoli(condition):
    shares = [nucleolar_share(condition, seed) for seed in range(8)]
    assert np.mean(shares) == pytest.approx(CONDITIONS[condition].nucleolar_share, rel=0.25)


@pytest.mark.parametrize("pair", [("somatic", "hiPSC"), ("mock", "HSV-1")])
def test_conditions_do_not_differ_in_their_number_of_localizations(pair):
    a, b = (np.log([len(simulate(name, seed)[0]) for seed in range(30)]) for name in pair)
    standard_error = np.hypot(a.std(), b.std()) / np.sqrt(30)
    assert abs(a.mean() - b.mean()) < 3 * standard_error


def test_localizations_come_in_order_of_frames_and_start_inside_the_field():
    table, truth = simulate("hiPSC", 1)
    assert np.all(np.diff(table.frame.astype(int)) >= 0)
    assert table.x.min() > 0
    assert truth.drift.shape == (4000, 2)
    assert np.allclose(truth.drift[0], 0)


def test_scatter_follows_the_precision():
    still = replace(Condition(), drift_nm=0, false_share=0, clutch_nm=0, cluster_nm=0, single_share=0, blinks=30)
    table, _ = simulate(still, 3)
    dna = table.of_channel("DNA")
    assert 3 < np.median(dna.precision) < 12


def test_truth_survives_the_file(tmp_path):
    _, truth = simulate(replace(Condition(), nuclei=3), 2, name="three")
    write_truth(tmp_path / "truth.h5", {"s": truth})
    read = read_truth(tmp_path / "truth.h5", "s")
    assert (read.condition, read.nuclei, read.nucleoli) == (truth.condition, truth.nuclei, truth.nucleoli)
    assert np.array_equal(read.drift, truth.drift)


def test_fields_of_one_replicate_share_their_labelling():
    def mean_count(replicate):
        return np.mean([len(simulate("somatic", field_seed(1, f"{k}"), replicate=replicate)[0]) for k in range(12)])

    means = [mean_count(f"r{k}") for k in range(6)]
    assert np.std(np.log(means)) > 0.05


def test_unknown_conditions_settings_and_endings_are_named(tmp_path):
    with pytest.raises(AinuError, match="no simulated condition 'HeLa'; there are: somatic, hiPSC"):
        simulate("HeLa", 1)
    with pytest.raises(AinuError, match="unknown setting 'share'"):
        conditions({"somatic": {"share": 1}})
    row = {"sample": "a", "path": str(tmp_path / "a.xls"), "label": "somatic", "replicate": "r1"}
    with pytest.raises(AinuError, match=r"a\.xls: localizations are written as"):
        write_fields([row], CONDITIONS, 1, tmp_path / "truth.h5")
    with pytest.raises(AinuError, match="sample a: label 'HeLa' cannot be simulated"):
        write_fields([row | {"label": "HeLa"}], CONDITIONS, 1, tmp_path / "truth.h5")


def test_molecules_of_a_section_have_depths_that_drift_and_scatter_with_them():
    still = Condition(depth_nm=600, false_share=0, clutch_nm=0, cluster_nm=0, single_share=0, drift_nm=0, blinks=30)
    table, truth = simulate(still, 3)
    assert truth.drift.shape == (4000, 3)
    assert -450 < table.z.min() < -250
    assert 250 < table.z.max() < 450
    moved, drifted = simulate(replace(still, drift_nm=400), 3)
    assert np.ptp(drifted.drift[:, 2]) > 20
    assert np.allclose(moved.z - table.z, drifted.drift[moved.frame, 2], atol=1e-2)


@pytest.mark.parametrize("ending", [".bin", ".csv", ".txt", ".hdf5"])
def test_depths_survive_every_simulated_format(tmp_path, ending):
    table, _ = simulate(Condition(depth_nm=600), 4)
    write(table, tmp_path / f"f{ending}", pixel_size_nm=PIXEL_SIZE_NM)
    found = read(tmp_path / f"f{ending}", pixel_size_nm=PIXEL_SIZE_NM)
    assert np.allclose(np.sort(found.z), np.sort(table.z), atol=0.02)
