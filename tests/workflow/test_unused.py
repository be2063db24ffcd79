"""Samples that nothing uses are told before any job."""

import pytest
from project import clone, small_config, small_sheet

from ainu.files import read_table


def test_a_dry_run_tells_samples_that_nothing_uses_and_strict_ends_it(tmp_path):
    project = clone(tmp_path / "project")
    sheet = small_sheet().replace("\thiPSC\tr0", "\thi\u200bPSC\tr0", 1)
    (project.folder / "config" / "samples.tsv").write_text(sheet)
    project.write_config(small_config())
    line = "config/samples.tsv, row 3: sample 'n1': no experiment trains on the label 'hi<U+200B>PSC' (it holds U+200B"
    done = project.snakemake("--dry-run", "--quiet")
    assert done.returncode == 0
    assert done.stderr.count(line) == 1
    project.write_config(small_config() | {"strict": True})
    done = project.snakemake("--dry-run", "--quiet")
    assert done.returncode != 0
    assert line in done.stderr + done.stdout
    assert "strict is true" in done.stderr + done.stdout


@pytest.mark.slow
def test_the_joint_summary_of_a_run_says_why_nothing_uses_a_sample(tmp_path):
    project = clone(tmp_path / "project")
    sheet = small_sheet().replace("\thiPSC\tr0", "\tmock\tr0", 1)
    (project.folder / "config" / "samples.tsv").write_text(sheet)
    project.write_config(small_config())
    project.run("results/qc/summary.tsv")
    why = "no experiment trains on the label 'mock'; classes: somatic, hiPSC"
    rows = read_table(project.folder / "results/qc/summary.tsv").set_index("sample")
    assert rows.loc["n1", ["flags", "skipped", "unused"]].tolist() == [f"unused ({why})", "", why]
    assert set(rows.drop("n1")["unused"]) == {""}
    assert project.planned("results/qc/summary.tsv") == {}
