"""Tell cell states apart from single-molecule localizations of nuclei.

The names below are imported on first use, so that `import ainu` takes milliseconds and a job that only bins
localizations never pays for torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "AinuError": "errors",
    "Localizations": "localizations",
    "read": "formats",
    "Drift": "drift",
    "estimate_drift": "drift",
    "Quality": "quality",
    "filter_quality": "quality",
    "Nuclei": "nuclei",
    "find_nuclei": "nuclei",
    "Render": "voxels",
    "voxelize": "voxels",
    "simulate": "simulation",
    "explain": "attribution",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ainu' has no attribute {name!r}")
    return getattr(import_module(f"ainu.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
