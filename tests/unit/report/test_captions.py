"""Captions are one text: that of the page, which Snakemake's own report repeats."""

import re
from pathlib import Path

import pytest

from ainu.report.captions import ATTRIBUTION, DRAWN_BY_THE_PAGE, EVALUATION

WORKFLOW = Path(__file__).parents[3] / "workflow"
OTHER_NAMES = {"class_means": "attribution", "examples": "attribution_examples", "detail": "attribution_detail"}
"""Captions whose file is not named as their figure."""


@pytest.mark.parametrize("stem", [*EVALUATION, *ATTRIBUTION, *DRAWN_BY_THE_PAGE])
def test_snakemakes_report_has_the_caption_of_the_page(stem):
    caption = (EVALUATION | ATTRIBUTION | DRAWN_BY_THE_PAGE)[stem]
    text = (WORKFLOW / "report" / f"{OTHER_NAMES.get(stem, stem)}.rst").read_text(encoding="utf-8")
    assert " ".join(text.split()) == f"Experiment **{{{{ snakemake.wildcards.experiment }}}}**. {caption.text}"


@pytest.mark.parametrize("stem", [*EVALUATION, *ATTRIBUTION, *DRAWN_BY_THE_PAGE])
def test_snakemakes_report_has_the_title_of_the_page(stem):
    rules = "".join(path.read_text(encoding="utf-8") for path in sorted((WORKFLOW / "rules").glob("*.smk")))
    pattern = rf'report/{OTHER_NAMES.get(stem, stem)}\.rst",\s*category=[^\n]*\s*labels={{"figure": "([^"]*)"}}'
    title = (EVALUATION | ATTRIBUTION | DRAWN_BY_THE_PAGE)[stem].title
    expected = title if stem in EVALUATION else f"Attribution, {title[0].lower()}{title[1:]}"
    assert re.findall(pattern, rules) == [expected]
