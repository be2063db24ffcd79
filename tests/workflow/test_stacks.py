"""Localizations with z, from four formats through a 3-D network to maps and report."""

import h5py
import numpy as np
import pytest
import yaml
from project import clone, small_config, small_sheet

from ainu.files import read_json
from ainu.hdf5 import open_file

pytestmark = [pytest.mark.slow, pytest.mark.overnight]

DEPTH = 800


def test_nuclei_in_depth_are_trained_explained_and_reported(tmp_path):
    project = clone(tmp_path / "project")
    config = small_config()
    context = {"voxel_nm": 800, "voxel_z_nm": 200, "depth_nm": DEPTH}
    detail = {"size_nm": 640, "voxel_z_nm": 100, "depth_nm": DEPTH}
    config["experiments"]["small"]["views"] = {"dimensions": 3, "detail": detail, "context": context}
    project.write_config(config)
    (project.folder / "config" / "samples.tsv").write_text(small_sheet())
    states = {"somatic": {"depth_nm": DEPTH - 200}, "hiPSC": {"depth_nm": DEPTH - 200, "nucleolar_share": 0.3}}
    (project.folder / "resources" / "simulation.yaml").write_text(yaml.safe_dump(states))
    project.run()
    results = project.folder / "results"
    with h5py.File(results / "experiments/small/dataset.h5") as file:
        images = file["image"][()]
    assert images.shape[:3] == (12, 2, 4)
    assert (images.sum(axis=(0, 1, 3, 4)) > 0).all()
    with open_file(results / "experiments/small/attribution/maps.h5") as file:
        assert all(file[name].shape == images.shape for name in file.attrs["methods"])
        assert len(file["detail/nucleus"]) == 4
    assert np.isfinite(read_json(results / "experiments/small/metrics.json")["metrics"]["auroc"]["value"])
    assert "small" in (results / "experiments/small/report.html").read_text()
    assert project.planned() == {}
