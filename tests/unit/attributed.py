"""Settings of attribution for tests: the defaults of the schema, but for what a test changes."""

from ainu.attribution.settings import AttributionSettings
from ainu.settings.defaults import with_defaults
from ainu.typed import typed


def attribution_settings(**changes) -> AttributionSettings:
    own = with_defaults({})["defaults"]["attribution"]
    return typed(AttributionSettings, own | {"methods": ()} | changes)
