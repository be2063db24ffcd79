"""What a user writes stands for itself: braces in a path are no pattern of Snakemake's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake.io import IOFile, _IOFile


def take_verbatim(paths: Iterable[str]) -> None:
    """Let Snakemake take input files as they are called, braces and all.

    In an input file, Snakemake fills in whatever stands in braces, also where a function returned it, and knows no way
    to write a brace.

    Parameters
    ----------
    paths : iterable of str
        As the rules name them.
    """
    verbatim = {path for path in paths if "{" in path}
    fill_in = _IOFile.apply_wildcards

    def apply_wildcards(self: Any, wildcards: Any) -> Any:
        if str(self) not in verbatim:
            return fill_in(self, wildcards)
        same = IOFile(str(self), rule=self.rule)
        same.clone_flags(self)
        return same

    if verbatim:
        _IOFile.apply_wildcards = apply_wildcards


def without_wildcards(path: str | Path) -> str:
    """A path of which Snakemake makes the same path where it formats text: braces are doubled."""
    return str(path).replace("{", "{{").replace("}", "}}")
