"""Remove results that belong to nothing any more (`ainu.settings.leftovers`): `snakemake tidy`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ainu.errors import AinuError
from ainu.files import read_json

RESULTS = "results/"
LISTED_IN = "AINU_LEFTOVERS"
"""Environment variable: the file that the plan of a run writes its list to."""
SWITCH = "AINU_TIDY"
"""Environment variable: `remove`, and `tidy` removes."""


def tidy(snakefile: str, config: Mapping[str, Any], switch: str) -> None:
    """List what belongs to nothing any more, and remove it where the user says so.

    Parameters
    ----------
    snakefile : str
        Of the workflow.
    config : mapping
        Of the run, with all that the command line has changed.
    switch : str
        "remove" removes; "" only lists.

    Raises
    ------
    AinuError
        Another switch, or the run cannot be planned.
    """
    if switch not in ("", "remove"):
        raise AinuError(f"{SWITCH}: found {switch!r}, allowed: remove, or nothing at all")
    found = _listed(snakefile, config)
    for name in found:
        print(name, file=sys.stderr)
        if switch:
            _remove(Path(name))
    done = "were removed" if switch else f"belong to nothing any more; {SWITCH}=remove removes them"
    print(f"ainu: {len(found)} files under results/ {done}", file=sys.stderr)


def _listed(snakefile: str, config: Mapping[str, Any]) -> list[str]:
    """The list of a run that is planned and not started."""
    with TemporaryDirectory() as folder:
        listed, file = Path(folder) / "leftovers.json", Path(folder) / "config.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        arguments = ["--snakefile", snakefile, "--dry-run", "--quiet", "all", "--configfile", str(file)]
        command = [sys.executable, "-m", "snakemake", *arguments]
        done = subprocess.run(command, env=os.environ | {LISTED_IN: str(listed)}, capture_output=True, text=True)
        if done.returncode != 0:
            raise AinuError(f"the run cannot be planned: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return list(read_json(listed))


def _remove(path: Path) -> None:
    """Remove a file, and the folders that it leaves empty."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder.as_posix() == RESULTS.rstrip("/") or any(folder.iterdir()):
            return
        folder.rmdir()
