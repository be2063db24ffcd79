"""The handbook names every rule and links every page; no page names a file that is not there or that no rule makes."""

import re
from pathlib import Path

import pytest

from ainu.settings.plan import RECORD
from ainu.settings.plan_shards import SIMULATED

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


# --- what the page in `results/` says will lie there


def without_names(path: str) -> str:
    """`{shard}` and other names in braces are left out: pages and rules may call them differently."""
    return re.sub(r"\{\w+\}", "{}", path).removesuffix("/")


def made() -> set[str]:
    """Files and folders that the rules make, and those in which these lie."""
    text = "".join(file.read_text() for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    text = re.sub(r'stage\("(\w+)"\)', r'"results/\1/{shard}.h5"', text).replace("RECORD,", f'"{RECORD}",')
    text = text.replace("{SIMULATED}", SIMULATED)
    blocks = re.findall(r"^( *)(?:output|log|benchmark):\n((?:\1 .*\n|\n)+)", text, re.MULTILINE)
    files = {without_names(path) for _, block in blocks for path in re.findall(r'"(results/[^"]+)"', block)}
    return files | {str(folder) for file in files for folder in Path(file).parents}


def promised() -> list[str]:
    """Paths in the first column of the page's tables; those under a heading that names a folder lie in it."""
    found, folder = [], ""
    for line in (ROOT / "results" / "README.md").read_text().splitlines():
        if line.startswith("## "):
            folder = "".join(re.findall(r"`(.+/)`", line))
        elif line.startswith("| `"):
            found += [f"results/{folder}{path}" for path in re.findall(r"`([^`]+)`", line.split(" | ")[0])]
    return found


@pytest.mark.parametrize("path", promised())
def test_a_rule_makes_what_the_page_in_results_names(path):
    assert without_names(path) in made()


def test_a_file_that_no_rule_makes_is_none_of_the_made_ones():
    assert {"results/nuclei/{}.h5", "results/qc/summary.tsv", "results/logs"} <= made()
    assert not {"results/voxels/{}.h5", "results/nuclei.h5", "results/qc/README.md"} & made()
