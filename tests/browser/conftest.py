"""Debian's Chromium, driven by playwright, and reports to look at with it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from experiment_files import EXPERIMENT, HOSTILE, SETTINGS, make_sources, with_everything

from ainu.report import page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A running Chromium. Without one the tests are skipped, but never in CI."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def _written(folder: Path, **what) -> Path:
    sources = with_everything(make_sources(folder, **what))
    page.write(folder / "report.html", page.build(EXPERIMENT, SETTINGS, sources))
    return folder / "report.html"


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory) -> Path:
    """The report of an ordinary experiment with every section filled."""
    return _written(tmp_path_factory.mktemp("ordinary"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    """The report of an experiment whose classes, samples and replicates have hostile names."""
    return _written(tmp_path_factory.mktemp("hostile"), classes=tuple(HOSTILE), tag=HOSTILE[0], n=4 * len(HOSTILE))
