"""What is written of an experiment's attribution."""

from pathlib import Path

import numpy as np
import pytest
from defaults import attribution

from ainu.attribution import summary
from ainu.attribution.maps import read_map, write_maps
from ainu.files import read_json
from ainu.images.dataset import Dataset

CLASSES = ("a", "b")
N = 6


@pytest.fixture
def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    y, x = np.indices((64, 64)) - 31.5
    image = rng.poisson(np.where(np.hypot(x, y) < 24, 8.0, 0.1), (N, 1, 64, 64)).astype(np.uint16)
    labels = np.array(["a", "b"] * 3)
    names = np.array([f"s{k}/1" for k in range(N)])
    return Dataset(
        image=image,
        nucleus=names,
        sample=names,
        replicate=np.array(["r0", "r0", "r1", "r1", "r2", "r2"]),
        label=labels,
        localizations=image.sum(axis=(2, 3)).astype(np.uint32),
        area_um2=np.full(N, 72.0, np.float32),
        origin_nm=np.zeros((N, 2)),
        angle_rad=np.zeros(N),
        channels=("DNA",),
        voxel_size_nm=200.0,
    )


def summarised(dataset: Dataset, methods: dict[str, np.ndarray], folder: Path) -> dict[str, str]:
    write_maps(folder / "maps.h5", dataset, methods, {})
    names = ("class_means", "curves", "enrichment", "radial", "examples")
    paths = {name: str(folder / f"{name}.svg") for name in names}
    paths |= {name: str(folder / f"{name}.json") for name in ("scorecard", "compartments")}
    checks = {"nuclei": [], "methods": {}, "orders": {}, "shares": []}
    summary.summarise(dataset, folder / "maps.h5", checks, CLASSES, attribution(), 0, paths)
    return paths


def test_without_methods_only_the_nuclei_that_are_shown_get_compartments(dataset, tmp_path, monkeypatch):
    found, seek = [], summary.find_compartments
    monkeypatch.setattr(summary, "find_compartments", lambda *given: found.append(1) or seek(*given))
    paths = summarised(dataset, {}, tmp_path)
    assert len(found) == len(CLASSES)
    assert read_json(paths["compartments"])["enrichment"] == []
    assert all(Path(path).exists() for path in paths.values())
    assert "no attribution method" in Path(paths["radial"]).read_text()
    assert "localizations" in Path(paths["examples"]).read_text()


def test_evidence_at_the_rim_is_found_there(dataset, tmp_path):
    y, x = np.indices((64, 64)) - 31.5
    rim = (np.abs(np.hypot(x, y) - 22) < 2).astype(np.float32)
    paths = summarised(dataset, {"saliency": np.broadcast_to(rim, dataset.image.shape).copy()}, tmp_path)
    rows = read_json(paths["compartments"])["enrichment"]
    value = {row["compartment"]: row["value"] for row in rows if row["label"] == "a"}
    assert value["rim"] > 5
    assert value["interior"] < 0.5
    assert "no attribution method" not in Path(paths["radial"]).read_text()


def test_some_rows_of_a_map_are_read_alone(dataset, tmp_path):
    values = np.random.default_rng(1).normal(size=dataset.image.shape).astype(np.float32)
    write_maps(tmp_path / "maps.h5", dataset, {"saliency": values}, {})
    assert np.array_equal(read_map(tmp_path / "maps.h5", "saliency", [4, 1]), values[[4, 1]])
