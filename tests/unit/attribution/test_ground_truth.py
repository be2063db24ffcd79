"""What was found in simulated nuclei, against what was simulated."""

import numpy as np

from ainu import Render, find_nuclei, simulate, voxelize
from ainu.attribution.ground_truth import compare, planted_masks
from ainu.attribution.maps import write_maps
from ainu.images.dataset import Dataset
from ainu.nuclei.orientation import Pose
from ainu.simulation.truth import write_truth

RENDER = Render(200, 12800)


def simulated(tmp_path, n: int = 3) -> Dataset:
    images, origins, truths = [], [], {}
    for k in range(n):
        table, truth = simulate("hiPSC", k)
        table = table[find_nuclei(table).label == 1]
        pose = Pose.of(table.x, table.y, aligned=False)
        images.append(voxelize(table, RENDER))
        origins.append((pose.x_nm - 6400, pose.y_nm - 6400))
        truths[f"s{k}"] = truth
    write_truth(tmp_path / "truth.h5", truths)
    return Dataset(
        image=np.array(images),
        nucleus=np.array([f"s{k}/1" for k in range(n)]),
        sample=np.array([f"s{k}" for k in range(n)]),
        replicate=np.array(["r"] * n),
        label=np.array(["hiPSC"] * n),
        localizations=np.array(images).sum(axis=(2, 3)).astype(np.uint32),
        area_um2=np.ones(n, np.float32),
        origin_nm=np.array(origins),
        angle_rad=np.zeros(n),
        channels=("PolII", "DNA"),
        voxel_size_nm=200.0,
    )


def test_planted_masks_lie_where_pol_ii_is_dense_and_dna_absent(tmp_path):
    data = simulated(tmp_path)
    for index in range(len(data)):
        nucleoli, rest = planted_masks(data, index, tmp_path / "truth.h5")
        pol, dna = data.image[index].astype(float)
        assert pol[nucleoli].mean() > 2 * pol[rest].mean()
        assert dna[nucleoli].mean() < 0.5 * dna[rest].mean()


def test_attribution_on_the_planted_cause_is_enriched_and_elsewhere_is_not(tmp_path):
    data = simulated(tmp_path)
    right, even = np.zeros(data.image.shape, np.float32), np.ones(data.image.shape, np.float32)
    for index in range(len(data)):
        nucleoli, rest = planted_masks(data, index, tmp_path / "truth.h5")
        right[index, 0] = 10 * nucleoli + rest
    write_maps(tmp_path / "maps.h5", data, {"right": right, "even": even}, {})
    found = compare(data, tmp_path / "maps.h5", tmp_path / "truth.h5")
    assert found["nuclei"] == len(data)
    assert np.isclose(found["enrichment"]["right"]["PolII"], 10)
    assert np.isclose(found["enrichment"]["even"]["PolII"], 1)
    assert found["pointing_game"]["right"] == found["pointing_game_voxel"]["right"] == 1
    assert found["rank_accuracy"]["right"] == 1
    assert found["rank_accuracy"]["even"] < 0.5
    even_share = found["share"]["even"]
    assert np.isclose(found["share"]["right"], 10 * even_share / (9 * even_share + 1), rtol=0.1)


def test_what_speaks_against_the_class_is_no_evidence(tmp_path):
    data = simulated(tmp_path, 1)
    nucleoli, rest = planted_masks(data, 0, tmp_path / "truth.h5")
    against = np.zeros(data.image.shape, np.float32)
    against[0, 0] = rest - 100.0 * nucleoli
    write_maps(tmp_path / "maps.h5", data, {"against": against}, {})
    found = compare(data, tmp_path / "maps.h5", tmp_path / "truth.h5")
    assert found["enrichment"]["against"]["PolII"] == found["pointing_game"]["against"] == 0
    assert found["enrichment_absolute"]["against"]["PolII"] > 50


def test_only_nuclei_with_the_cause_count(tmp_path):
    data = simulated(tmp_path, 2)
    nucleoli, _ = planted_masks(data, 1, tmp_path / "truth.h5")
    data.image[1, 0][nucleoli] = 0
    maps = np.ones(data.image.shape, np.float32)
    maps[0, 0] += 9 * planted_masks(data, 0, tmp_path / "truth.h5")[0]
    write_maps(tmp_path / "maps.h5", data, {"right": maps}, {})
    found = compare(data, tmp_path / "maps.h5", tmp_path / "truth.h5")
    assert found["nuclei"] == 1
    assert np.isclose(found["enrichment"]["right"]["PolII"], 10)
