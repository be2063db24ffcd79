"""Distinguish cell states by single-molecule localizations of nuclei.

The names below are imported on first use, so that `import ainu` takes milliseconds and a job that only bins
localizations never pays for torch.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "__version__": "version",
    "AinuError": "errors",
    "Localizations": "localizations.table",
    "read": "localizations.formats.read",
    "Drift": "drift.correction",
    "estimate_drift": "drift.correction",
    "Quality": "quality.filters",
    "filter_quality": "quality.filters",
    "Nuclei": "nuclei.table",
    "find_nuclei": "nuclei.find",
    "Render": "images.settings",
    "voxelize": "images.render",
    "simulate": "simulation.fields",
    "explain": "attribution.explain",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ainu' has no attribute {name!r}")
    return getattr(import_module(f"ainu.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
