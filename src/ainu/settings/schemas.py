"""The JSON Schemas of the config and the sheet, and what a part of them allows in words."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ainu.errors import AinuError
from ainu.settings.wording import joined

SCHEMAS = Path(__file__).parent

Tree = dict[str, Any]


def schema(name: str) -> Tree:
    """The JSON Schema of the config (`config`) or of a row of the sheet (`samples`)."""
    return deepcopy(schema_of(name))


@cache
def schema_of(name: str) -> Tree:
    """The same, read once and shared: not to be changed.

    Parameters
    ----------
    name : str
        "config" or "samples".

    Returns
    -------
    dict

    Raises
    ------
    AinuError
        There is no schema of this name.
    """
    path = SCHEMAS / f"{name}.schema.yaml"
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AinuError(f"no schema {name!r}: {path} does not exist") from None


def resolved(spec: Tree) -> Tree:
    """A part of the config's schema with what its `$ref` stands for."""
    if "$ref" not in spec:
        return spec
    target = schema_of("config")["$defs"][spec["$ref"].rpartition("/")[2]]
    return {**target, **spec}


def child(spec: Tree, key: str) -> Tree:
    """The schema of a key; empty for one that the schema does not know."""
    return resolved(spec.get("properties", {}).get(key) or spec.get("additionalProperties") or {})


def allowed_by(spec: Tree) -> str:
    """What a schema allows, in words."""
    if "x-allowed" in spec:
        return spec["x-allowed"]
    if "enum" in spec:
        return f"one of {joined(spec['enum'])}"
    names = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "object": "a mapping"}
    names |= {"null": "null", "string": "a text", "array": "a list"}
    kinds = [spec["type"]] if isinstance(spec["type"], str) else spec["type"]
    first, *others = [names[kind] for kind in kinds]
    keys = f" with the keys {joined(spec['properties'])}" if "properties" in spec else ""
    return " or ".join([first + _limits(spec) + keys, *others])


def _limits(spec: Tree) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    limits = [f"{word} {spec[key]:.15g}" for key, word in words.items() if key in spec]
    return ", " + " and ".join(limits) if limits else ""
