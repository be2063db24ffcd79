"""Samples that nothing uses are told before any job."""

from project import clone, small_config, small_sheet


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
