"""The handbook names every rule, links every page, and names no file that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
TEXTS = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md"))]
FOLDERS = "src|tests|workflow|config|docs|benchmarks|envs|profiles|resources|slurm"


def test_the_overview_has_every_rule():
    files = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    rules = {name for file in files for name in re.findall(r"^ *rule (\w+):", file.read_text(), re.MULTILINE)}
    table = (ROOT / "docs" / "overview.md").read_text().partition("## All rules")[2].partition("\n## ")[0]
    assert rules - set(re.findall(r"^\|[^|]*\| `(\w+)` \|", table, re.MULTILINE)) == set()


def test_the_overview_links_every_page():
    text = (ROOT / "docs" / "overview.md").read_text()
    assert [page.name for page in PAGES if page.name != "overview.md" and f"]({page.name})" not in text] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page):
    named = re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", page.read_text())
    linked = re.findall(r"\]\(([\w./-]+)(?:#[\w-]*)?\)", page.read_text())
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing + [name for name in linked if not (page.parent / name).exists()] == []
