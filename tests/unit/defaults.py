"""Settings as the schema fills them in, for tests that need a few of their own."""

from typing import Any

from ainu.images.augmentation import Augmentation
from ainu.settings.defaults import section
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


def design(classes: list[str], network: str = "ainu-small", intensity: str = "share", **sections: Any) -> Design:
    """What an experiment says of its networks; each section a mapping of what is changed in it."""
    filled = {name: section(name, **sections.get(name, {})) for name in ("training", "augmentation", "transfer")}
    return typed(Design, {"classes": classes, "network": network, "intensity": intensity, **filled})
