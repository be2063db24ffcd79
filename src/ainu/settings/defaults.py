"""The config with every key: what the user left out, filled in."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ainu.settings.schemas import Tree, child, schema_of


def with_defaults(given: Tree) -> Tree:
    """Every key: of an experiment by `defaults`, of `defaults` and the rest by the schema."""
    spec = schema_of("config")
    entries = given.get("experiments") or {}
    config = _filled({**given, "experiments": {}}, spec)
    base = config["defaults"] | {"init_from": None, "sweep": None, "study": None}
    own = spec["properties"]["experiments"]["additionalProperties"]
    config["experiments"] = {
        name: _resolved_names(_with_own(_merged(base, entry or {}), own), config) for name, entry in entries.items()
    }
    return config


def section(name: str, **changes: Any) -> Tree:
    """A section of the config (`drift`) or of an experiment (`training`) as the schema fills it in, with `changes`."""
    spec = schema_of("config")
    return _filled({}, child(spec if name in spec["properties"] else child(spec, "defaults"), name)) | changes


def _filled(given: Tree | None, spec: Tree) -> Tree:
    given = given or {}
    filled = {key: _value(given, key, child(spec, key)) for key in spec.get("properties", {})}
    filled |= {key: _value(given, key, child(spec, key)) for key in given if key not in filled}
    return {key: value for key, value in filled.items() if value is not ...}


def _value(given: Tree, key: str, spec: Tree) -> Any:
    """A key's value with defaults inside, or its default; `...` where it has none."""
    if key not in given and "default" in spec:
        return deepcopy(spec["default"])
    if spec.get("type") == "object" or isinstance(given.get(key), dict):
        return _filled(given.get(key), spec)
    return deepcopy(given.get(key, ...))


def _merged(base: Tree, over: Tree) -> Tree:
    """`base` with the entries of `over`; a section that is null, since it was invalid, stays as it is in `base`."""
    merged = deepcopy(base)
    for key, value in over.items():
        section = isinstance(base.get(key), dict)
        if not section:
            merged[key] = deepcopy(value)
        elif value is not None:
            merged[key] = _merged(base[key], value)
    return merged


def _with_own(experiment: Tree, spec: Tree) -> Tree:
    """The sections that only an experiment has, filled where they are there at all."""
    for name in ("sweep", "study"):
        if isinstance(experiment[name], dict):
            experiment[name] = _filled(experiment[name], child(spec, name))
    return experiment


def _resolved_names(experiment: Tree, config: Tree) -> Tree:
    if experiment["channels"] is None:
        experiment["channels"] = list(config.get("channels") or []) or None
    if experiment["render"] is None and len(config["renders"]) == 1:
        experiment["render"] = next(iter(config["renders"]))
    return experiment
