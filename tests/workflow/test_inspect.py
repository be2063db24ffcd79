"""`snakemake inspect`: how the files of the sheet are understood."""

import pytest
from project import clone, small_config, small_sheet


@pytest.mark.slow
def test_every_file_of_the_sheet_is_shown_and_written(tmp_path):
    project = clone(tmp_path / "project")
    project.write_config(small_config())
    (project.folder / "config" / "samples.tsv").write_text(small_sheet())
    project.run("inspect")
    told = (project.folder / "results" / "inspect.txt").read_text()
    for k in range(12):
        assert f"results/simulated/n{k}." in told
    for name in ("insight3", "thunderstorm", "nstorm", "picasso"):
        assert f"taken for     {name} (by its content)" in told
    assert told.count("channels      codes PolII: ") == 12
