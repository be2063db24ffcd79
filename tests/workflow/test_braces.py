"""Braces in what a user names: they stand for themselves, and for no wildcard of Snakemake's."""

from pathlib import Path

import h5py
import numpy as np
import roifile
from project import Project, clone, small_config, small_sheet

from ainu import simulate
from ainu.localizations.formats.writers import write_thunderstorm

BRACED = {"folder": "pro{x}ject", "sheet": "config/sam{x}ples.tsv", "data": "da{x}ta/{shard}", "rois": "{sample}{0}"}
PLAIN = {"folder": "project", "sheet": "config/samples.tsv", "data": "data/s", "rois": "rois"}
TARGETS = ("results/qc/summary.tsv", "results/inspect.txt")


def project_with(names: dict[str, str], parent: Path) -> Project:
    """Four nuclei with hand-drawn outlines."""
    project = clone(parent / names["folder"])
    for name in ("data", "rois"):
        (project.folder / names[name]).mkdir(parents=True)
    rows = ["sample\tpath\tchannels\tlabel\treplicate\troi"]
    for k, label in enumerate(("somatic", "hiPSC") * 2):
        data, roi = f"{names['data']}/{k}.csv", f"{names['rois']}/{k}.roi"
        write_thunderstorm(simulate(label, k)[0], project.folder / data)
        corners = np.array([(20, 20), (100, 20), (100, 100), (20, 100)])
        roifile.ImagejRoi.frompoints(corners).tofile(project.folder / roi)
        rows.append(f"n{k}\t{data}\t0:PolII,1:DNA\t{label}\tr{k // 2}\t{roi}")
    (project.folder / names["sheet"]).write_text("\n".join(rows) + "\n")
    config = small_config() | {"samples": names["sheet"], "nuclei": {"method": "roi", "roi_pixel_nm": 160}}
    config["experiments"]["small"]["folds"] = 2
    project.write_config(config)
    return project


def test_braces_in_data_outlines_sheet_and_folder_change_no_byte(tmp_path):
    plain, braced = (project_with(names, tmp_path) for names in (PLAIN, BRACED))
    for project in (plain, braced):
        project.run(*TARGETS)
    for stage in ("drift", "quality", "nuclei", "voxels"):
        assert plain.outputs(f"results/{stage}")
        assert braced.outputs(f"results/{stage}") == plain.outputs(f"results/{stage}")
    assert BRACED["data"] in (braced.folder / "results" / "inspect.txt").read_text()
    assert braced.planned(*TARGETS) == {}
    assert braced.planned() == plain.planned()


def test_a_simulated_file_with_braces_is_refused_with_its_row(tmp_path):
    project = clone(tmp_path / "project")
    project.write_config(small_config())
    (project.folder / "config" / "samples.tsv").write_text(
        small_sheet().replace("results/simulated/n1.csv", "results/simulated/n{1}.csv")
    )
    done = project.snakemake("--dry-run")
    assert done.returncode != 0
    assert (
        "found 'results/simulated/n{1}.csv', allowed: a file to be simulated has no braces" in done.stdout + done.stderr
    )


def test_columns_with_braces_are_asked_for_by_their_names(tmp_path):
    project = project_with(PLAIN, tmp_path)
    sections = {"nuclei": {"method": "column", "column": "{shard}"}, "quality": {"extra": {"chi{shard}": [None, 3]}}}
    project.write_config(project.config() | sections)
    for file in (project.folder / PLAIN["data"]).iterdir():
        header, *lines = file.read_text().splitlines()
        file.write_text("\n".join([header + ',"{shard}","chi{shard}"', *(f"{line},1,2" for line in lines)]) + "\n")
    project.run("results/nuclei/s0001.h5")
    with h5py.File(project.folder / "results" / "localizations" / "s0001.h5") as file:
        names: list[str] = []
        file.visit(names.append)
    assert [name for name in names if name.endswith("chi{shard}")]
