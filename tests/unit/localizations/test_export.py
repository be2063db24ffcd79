"""Exported files are read by the programs that they are for."""

import importlib.util
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ainu.localizations.formats.writers import write_picasso, write_thunderstorm
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
