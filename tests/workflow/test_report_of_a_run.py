"""Figures of a finished run, and Snakemake's report of everything."""

import zipfile

import pytest


def test_every_figure_lies_there_as_svg_and_pdf(finished):
    folder = finished.folder / "results" / "experiments" / "small"
    drawn = sorted(folder.glob("*/*.svg"))
    assert len(drawn) >= 4
    assert [path for path in drawn if not path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")] == []


@pytest.mark.slow
def test_the_report_of_a_run_holds_the_page_and_the_figures_of_each_experiment(project):
    done = project.snakemake("--report", "run.zip")
    assert done.returncode == 0, done.stderr[-3000:]
    with zipfile.ZipFile(project.folder / "run.zip") as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
        page = archive.read("run/report.html").decode()
        pages = [name for name in archive.namelist() if name.endswith((".js", ".html"))]
        content = "".join(archive.read(name).decode(errors="replace") for name in pages)
    assert {"report.html", "confusion.svg", "roc.svg", "class_means.svg", "n0.png"} <= names
    for shown in ("Report (start here)", "Confusion matrix", "Quality", "whether to trust it"):
        assert shown in page
    assert "t-SNE of the activations before the last layer" in content
