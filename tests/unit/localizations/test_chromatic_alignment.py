"""Channels are aligned with the reference, and the residual is the error of the alignment."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ainu.errors import AinuError
from ainu.localizations.chromatic_alignment import align, fit_affine
from ainu.localizations.settings import AlignmentSettings
from ainu.localizations.table import Localizations

SETTINGS = AlignmentSettings("beads", None, None, pixel_nm=40, reach_nm=500)
MATRIX = np.array([[1.002, 0.001, 80.0], [-0.001, 0.998, -60.0]])


def bead_file(path, noise_nm=0.0, n=40, seed=0, header="bead\tchannel\tx_nm\ty_nm"):
    rng = np.random.default_rng(seed)
    there = rng.uniform(0, 40_000, (n, 2))
    here = there @ MATRIX[:, :2].T + MATRIX[:, 2] + rng.normal(0, noise_nm, (n, 2))
    lines = [f"{i}\tDNA\t{x}\t{y}" for i, (x, y) in enumerate(there)]
    lines += [f"{i}\tPolII\t{x}\t{y}" for i, (x, y) in enumerate(here)]
    path.write_text("\n".join([header, *lines]))
    return path


def structure(shift=(0.0, 0.0), n=30_000, seed=1):
    """Both channels label the same 300 filaments' spots; the second is shifted."""
    rng = np.random.default_rng(seed)
    spots = rng.uniform(0, 10_000, (300, 2))
    channel = rng.integers(0, 2, n)
    places = spots[rng.integers(0, 300, n)] + rng.normal(0, 20, (n, 2)) + channel[:, None] * np.array(shift)
    return Localizations(x=places[:, 0], y=places[:, 1], channel=channel, channels=("PolII", "DNA"))


def test_beads_give_the_affine_transformation(tmp_path):
    table = structure()
    moved, record = align(table, replace(SETTINGS, bead_table=bead_file(tmp_path / "beads.tsv")))
    dna = table.channel == 1
    expected = table.positions[dna] @ MATRIX[:, :2].T + MATRIX[:, 2]
    np.testing.assert_allclose(moved.positions[dna], expected, atol=0.02)
    np.testing.assert_array_equal(moved.positions[~dna], table.positions[~dna])
    assert record["channels"]["DNA"]["residual_nm"] < 0.01
    np.testing.assert_allclose(record["channels"]["DNA"]["matrix"], MATRIX, atol=1e-6)


def test_the_residual_of_beads_is_their_scatter(tmp_path):
    _, record = align(
        structure(n=100), replace(SETTINGS, bead_table=bead_file(tmp_path / "beads.tsv", noise_nm=10, n=200))
    )
    assert record["channels"]["DNA"]["residual_nm"] == pytest.approx(10 * np.sqrt(2), rel=0.15)


@given(st.lists(st.floats(-2000, 2000), min_size=6, max_size=6), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_an_affine_transformation_is_found_exactly(numbers, seed):
    points = np.random.default_rng(seed).uniform(0, 1000, (10, 2))
    matrix = np.array(numbers).reshape(2, 3) / [1000, 1000, 1]
    found = fit_affine(points, points @ matrix[:, :2].T + matrix[:, 2])
    np.testing.assert_allclose(found, matrix, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bead,channel,x_nm\n1,DNA,2\n", "column 'y_nm' is missing"),
        ("bead,channel,x_nm,y_nm\n1,DNA,2,two\n", "row 2: x_nm '2', y_nm 'two'"),
        ("bead,channel,x_nm,y_nm\n1,DNA,2,3\n1,PolII,2,3\n", "1 beads are in both 'DNA' and 'PolII'"),
        ("", "no rows"),
    ],
)
def test_a_bead_table_that_cannot_serve_is_refused(tmp_path, text, message):
    (tmp_path / "beads.csv").write_text(text)
    with pytest.raises(AinuError, match=message):
        align(structure(n=100), replace(SETTINGS, bead_table=tmp_path / "beads.csv"))


def test_beads_on_a_line_are_refused(tmp_path):
    lines = [f"{i},{name},{10 * i},{20 * i}" for i in range(6) for name in ("DNA", "PolII")]
    (tmp_path / "beads.csv").write_text("\n".join(["bead,channel,x_nm,y_nm", *lines]))
    with pytest.raises(AinuError, match="on a line"):
        align(structure(n=100), replace(SETTINGS, bead_table=tmp_path / "beads.csv"))


def test_a_missing_bead_table_and_an_unknown_reference_are_refused(tmp_path):
    with pytest.raises(AinuError, match="bead_table: missing"):
        align(structure(n=100), SETTINGS)
    with pytest.raises(AinuError, match=r"no channel 'H3'; there are: PolII, DNA"):
        align(structure(n=100), replace(SETTINGS, reference="H3"))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (130.0, -75.0), (-310.0, 20.0)])
def test_cross_correlation_finds_the_shift(shift):
    moved, record = align(structure(shift), replace(SETTINGS, method="cross_correlation"))
    found = np.array(record["channels"]["DNA"]["matrix"])[:, 2]
    assert np.hypot(*(found + shift)) < 5
    assert record["channels"]["DNA"]["residual_nm"] < 5
    np.testing.assert_allclose(
        moved.x[moved.channel == 1] - structure(shift).x[moved.channel == 1], found[0], atol=0.01
    )


def test_a_field_too_large_for_the_pixel_says_so():
    table = structure()
    with pytest.raises(AinuError, match=r"ingest\.alignment\.pixel_nm: 0\.5"):
        align(table, replace(SETTINGS, method="cross_correlation", pixel_nm=0.5))
