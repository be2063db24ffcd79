"""Images written as OME-TIFF are read by other programs."""

import numpy as np
import pytest
import tifffile

from ainu.images.ome_tiff import write_ome_tiff


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
