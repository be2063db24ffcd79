"""Captions are one text: that of the page, which Snakemake's own report repeats."""

from pathlib import Path

import pytest

from ainu.report.captions import ATTRIBUTION, DRAWN_BY_THE_PAGE, EVALUATION

FOLDER = Path(__file__).parents[3] / "workflow" / "report"
OTHER_NAMES = {"class_means": "attribution", "examples": "attribution_examples"}
"""Captions whose file is not named as their figure."""


@pytest.mark.parametrize("stem", [*EVALUATION, *ATTRIBUTION, *DRAWN_BY_THE_PAGE])
def test_snakemakes_report_has_the_caption_of_the_page(stem):
    caption = (EVALUATION | ATTRIBUTION | DRAWN_BY_THE_PAGE)[stem]
    text = (FOLDER / f"{OTHER_NAMES.get(stem, stem)}.rst").read_text(encoding="utf-8")
    assert " ".join(text.split()) == f"Experiment **{{{{ snakemake.wildcards.experiment }}}}**. {caption.text}"
