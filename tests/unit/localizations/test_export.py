"""Exported files are read by the programs that they are for."""

import importlib.util
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ainu.localizations.export import write_ome_tiff
from ainu.localizations.formats.readers import picasso, thunderstorm
from ainu.simulation.cells import Condition, simulate

ROOT = Path(__file__).resolve().parents[3]
SMALL = Condition(frames=50, clutches=20, clusters=20)


@pytest.mark.parametrize("depth", [None, 5])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_tifffile_reads_pixels_channels_and_physical_sizes(tmp_path, dtype, depth):
    shape = (2, 12, 10) if depth is None else (2, depth, 12, 10)
    image = np.random.default_rng(0).integers(0, 9, shape).astype(dtype)
    for name in ("a", "b"):
        folder = tmp_path / name
        write_ome_tiff(image, folder / "n.ome.tif", ["PolII", "DNA"], voxel_size_nm=20.0, voxel_z_nm=depth and 50.0)
    assert (tmp_path / "a/n.ome.tif").read_bytes() == (tmp_path / "b/n.ome.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a/n.ome.tif") as file:
        assert file.is_ome
        assert (file.series[0].asarray() == image).all()
        assert file.series[0].axes == ("CYX" if depth is None else "CZYX")
        described = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [channel["Name"] for channel in described["Channel"]] == ["PolII", "DNA"]
    sizes = {"X": 20.0, "Y": 20.0} | ({} if depth is None else {"Z": 50.0})
    for axis, size in sizes.items():
        assert float(described[f"PhysicalSize{axis}"]) == size
        assert described[f"PhysicalSize{axis}Unit"] == "nm"


def test_locan_reads_the_thunderstorm_table(tmp_path):
    import locan

    table, _ = simulate(replace(SMALL), seed=1)
    thunderstorm.write(table, tmp_path / "t.csv")
    seen = locan.load_thunderstorm_file(tmp_path / "t.csv").data
    assert len(seen) == len(table)
    assert np.allclose(seen["position_x"], table.x, atol=1e-3)
    assert np.allclose(seen["position_y"], table.y, atol=1e-3)
    assert np.allclose(seen["intensity"], table.photons, atol=1e-2)


@pytest.mark.slow
def test_picasso_reads_its_localizations(tmp_path):
    table, _ = simulate(replace(SMALL), seed=1)
    picasso.write(table, tmp_path / "p.hdf5", pixel_size_nm=100.0)
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
