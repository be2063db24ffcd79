"""Exported files are read by the programs that they are for."""

import importlib.util
import subprocess
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import ainu
from ainu.localizations.formats.writers import write, write_picasso, write_thunderstorm
from ainu.localizations.joining import merge
from ainu.localizations.table import Localizations
from ainu.simulation.conditions import Condition
from ainu.simulation.fields import simulate

ROOT = Path(__file__).resolve().parents[3]
SMALL = Condition(frames=50, clutches=20, clusters=20)


def test_locan_reads_the_thunderstorm_table(tmp_path):
    import locan

    table, _ = simulate(replace(SMALL), seed=1)
    write_thunderstorm(table, tmp_path / "t.csv")
    seen = locan.load_thunderstorm_file(tmp_path / "t.csv").data
    assert len(seen) == len(table)
    assert np.allclose(seen["position_x"], table.x, atol=1e-3)
    assert np.allclose(seen["position_y"], table.y, atol=1e-3)
    assert np.allclose(seen["intensity"], table.photons, atol=1e-2)


@pytest.mark.slow
def test_picasso_reads_its_localizations(tmp_path):
    table, _ = simulate(replace(SMALL), seed=1)
    write_picasso(table, tmp_path / "p.hdf5", pixel_size_nm=100.0)
    code = (
        "import sys; from picasso import io; locs, info = io.load_locs(sys.argv[1]); "
        "print(len(locs), float(locs['x'].sum()), info[0]['Pixelsize'])"
    )
    python = _python_of_peers()
    done = subprocess.run([python, "-c", code, tmp_path / "p.hdf5"], capture_output=True, text=True, check=True)
    count, x, pixel = map(float, done.stdout.split()[-3:])
    assert (count, pixel) == (len(table), 100)
    assert x == pytest.approx(float((table.x / 100).sum()), rel=1e-4)


def _python_of_peers() -> str:
    """The Python that has Picasso (benchmarks/peers.py makes its environment)."""
    path = ROOT / "benchmarks" / "peers.py"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    spec = importlib.util.spec_from_file_location("peers", path)
    assert spec is not None
    assert spec.loader is not None
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    return str(peers.python_of_peers())


@pytest.mark.parametrize("ending", [".csv", ".hdf5", ".txt", ".bin"])
def test_a_column_that_one_file_of_the_sample_lacks_is_left_out_of_an_export(tmp_path, ending):
    n = 50
    places = np.random.default_rng(1).uniform(100, 9000, (2, n))
    both = Localizations(*places, np.zeros(n), ("A",), frame=np.arange(n), photons=np.full(n, 500.0))
    more = replace(both, channels=("B",), precision=np.full(n, 9.0), sigma=np.full(n, 120.0), z=np.arange(n) + 1.0)
    table = merge([both, replace(more, extra={"chi2": np.ones(n)})])
    options = {"keep": ["chi2"]} if ending in (".csv", ".hdf5") else {}
    write(table, tmp_path / f"a{ending}", pixel_size_nm=100.0, **options)
    back = ainu.read(tmp_path / f"a{ending}", pixel_size_nm=100.0)
    assert len(back) == 2 * n
    assert back.photons.tolist() == 2 * n * [500]
    assert back.z is back.precision is back.sigma is None
    if ending == ".csv":
        text = (tmp_path / "a.csv").read_text()
        assert text.splitlines()[0] == '"id","frame","x [nm]","y [nm]","intensity [photon]","channel"'
        assert "nan" not in text.lower()
    if ending == ".hdf5":
        with h5py.File(tmp_path / "a.hdf5") as file:
            assert file["locs"].dtype.names == ("frame", "x", "y", "photons", "channel")
