"""Settings as the schema fills them in, for tests that need a few of their own."""

from typing import Any

from ainu.attribution.settings import AttributionSettings
from ainu.drift.settings import DriftSettings
from ainu.images.augmentation import Augmentation
from ainu.nuclei.settings import SearchSettings
from ainu.quality.settings import QualitySettings
from ainu.report.settings import ReportedExperiment, ReportSettings
from ainu.settings.defaults import section, with_defaults
from ainu.training.recipe import Design, Recipe, Transfer
from ainu.typed import typed


def recipe(**changes: Any) -> Recipe:
    """`training`."""
    return typed(Recipe, section("training", **changes))


def augmentation(**changes: Any) -> Augmentation:
    """`augmentation`."""
    return typed(Augmentation, section("augmentation", **changes))


def transfer(**changes: Any) -> Transfer:
    """`transfer`."""
    return typed(Transfer, section("transfer", **changes))


def views(**changes: Any) -> dict[str, Any]:
    """`views` as a mapping; each view a mapping of what is changed in it, or None for no such view."""
    return with_defaults({"experiments": {"a": {"views": changes}}})["experiments"]["a"]["views"]


def design(classes: list[str], network: str = "ainu-small", intensity: str = "share", **sections: Any) -> Design:
    """What an experiment says of its networks; each section a mapping of what is changed in it.

    `views` is a mapping of what is changed in it, too; without, networks see whole images.
    """
    seen = views(**sections["views"]) if "views" in sections else None
    filled = {name: section(name, **sections.get(name, {})) for name in ("training", "augmentation", "transfer")}
    return typed(Design, {"classes": classes, "network": network, "views": seen, "intensity": intensity, **filled})


def drift_settings(**changes: Any) -> DriftSettings:
    """`drift`."""
    return typed(DriftSettings, section("drift", **changes))


def quality_settings(**changes: Any) -> QualitySettings:
    """`quality`."""
    return typed(QualitySettings, section("quality", **changes))


def no_filters(**changes: Any) -> QualitySettings:
    """`quality` without filters, but for those that are given."""
    limits = dict.fromkeys(("photons", "precision_nm", "sigma_nm", "sigma_ratio", "frames"), (None, None))
    switched_off = limits | dict.fromkeys(("crowded", "merge", "isolated")) | {"extra": {}}
    return typed(QualitySettings, switched_off | changes)


def search_settings(**changes: Any) -> SearchSettings:
    """`nuclei`, but for the pixel of drawn outlines."""
    filled = section("nuclei", **changes)
    return typed(SearchSettings, {key: value for key, value in filled.items() if key != "roi_pixel_nm"})


def reported_experiment(**changes: Any) -> ReportedExperiment:
    """Settings of an experiment that its report describes; those of sections as mappings of what is changed."""
    keys = {"views": None, "render": "standard", "network": "ainu-small", "intensity": "share", "folds": 2}
    keys |= {"repeats": 1, "init_from": None, "sweep": None} | changes
    filled = {name: section(name, **changes.get(name, {})) for name in ("training", "augmentation")}
    own = section("attribution", **{"methods": ()} | changes.get("attribution", {}))
    return ReportedExperiment.of(keys | filled | {"attribution": own})


def report_settings(**changes: Any) -> ReportSettings:
    """Settings of a run that its reports describe; those of sections as mappings of what is changed."""
    filled = {name: section(name, **changes.get(name, {})) for name in ("drift", "quality", "nuclei")}
    return typed(ReportSettings, {"seed": 7, "renders": {"standard": {"voxel_nm": 200, "canvas_nm": 3200}}} | filled)


def attribution(**changes: Any) -> AttributionSettings:
    """`attribution`, without methods unless these are named."""
    return typed(AttributionSettings, section("attribution", **{"methods": (), **changes}))
