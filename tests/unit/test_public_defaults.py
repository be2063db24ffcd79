"""What `import ainu` does by default is what the config does by default."""

import inspect
from dataclasses import MISSING, asdict, fields

from defaults import drift_settings, search_settings

from ainu import Render, filter_quality, find_nuclei
from ainu.drift.correction import DEFAULTS
from ainu.quality.settings import QualitySettings
from ainu.settings.schemas import schema_of


def keywords(function) -> dict:
    return {name: each.default for name, each in inspect.signature(function).parameters.items() if name not in GIVEN}


GIVEN = ("localizations", "rois", "labels", "keep")
"""No settings of the config: data, and what the sheet names."""


def test_estimate_drift_has_the_defaults_of_the_config():
    assert drift_settings() == DEFAULTS


def test_find_nuclei_has_the_defaults_of_the_config():
    assert keywords(find_nuclei) == asdict(search_settings())


def test_filter_quality_knows_the_filters_of_the_config_and_applies_none_that_is_not_named():
    assert keywords(filter_quality) == {field.name: None for field in fields(QualitySettings)}


def test_render_has_the_defaults_of_the_config():
    renders = schema_of("config")["properties"]["renders"]
    of_config = {name: spec["default"] for name, spec in renders["additionalProperties"]["properties"].items()}
    own = {field.name: field.default for field in fields(Render)}
    assert list(own) == list(of_config)
    assert own == {name: MISSING if own[name] is MISSING else default for name, default in of_config.items()}
    assert [asdict(Render(**given)) for given in renders["default"].values()] == list(renders["default"].values())
