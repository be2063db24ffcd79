"""The config with every key: what the user left out, filled in."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ainu.settings.schemas import Tree, child, schema_of

MAY_BE_NULL = ("views", "detail", "context")
"""Sections that a null switches off."""


def with_defaults(given: Tree) -> Tree:
    """Every key: of an experiment by `defaults`, of `defaults` and the rest by the schema."""
    spec = schema_of("config")
    entries = given.get("experiments") or {}
    config = _filled({**given, "experiments": {}}, spec)
    base = config["defaults"] | {"init_from": None, "sweep": None, "study": None}
    base |= _seen(base, given.get("defaults") or {})
    own = spec["properties"]["experiments"]["additionalProperties"]
    named = tuple(config["renders"])
    for name, entry in entries.items():
        experiment = _merged(base, entry or {})
        experiment |= _seen(experiment, entry or {})
        config["experiments"][name] = _resolved_names(_with_own(experiment, own), config, named)
    return config


def _seen(experiment: Tree, given: Tree) -> Tree:
    """`views` and `render` of an experiment, of which the one that is given last counts."""
    if given.get("render") is not None and given.get("views") is None:
        return {"views": None}
    return {"render": None} if given.get("views") is not None and given.get("render") is None else {}


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
        if not section or (value is None and key in MAY_BE_NULL):
            merged[key] = deepcopy(value)
        elif value is not None:
            merged[key] = _merged(base[key], value)
    return merged


def _with_own(experiment: Tree, spec: Tree) -> Tree:
    """The sections that only an experiment has, filled where they are there at all."""
    for name in ("views", "sweep", "study"):
        if isinstance(experiment[name], dict):
            experiment[name] = _filled(experiment[name], child(spec, name))
    return experiment


def _resolved_names(experiment: Tree, config: Tree, named: tuple[str, ...]) -> Tree:
    """Its channels and render; without views it is the single one of the renders that the user named."""
    if experiment["channels"] is None:
        experiment["channels"] = list(config.get("channels") or []) or None
    if experiment["views"] and not experiment["render"]:
        experiment["render"], render = render_of_views(experiment["views"])
        config["renders"].setdefault(experiment["render"], render)
    elif experiment["render"] is None and len(named) == 1:
        experiment["render"] = named[0]
    return experiment


def render_of_views(views: Tree) -> tuple[str, Tree]:
    """Name and settings of the render that makes the whole-nucleus images of an experiment with views.

    Parameters
    ----------
    views : dict
        Every key filled. Without a context, images are made as if it were the default one, to be looked at; a null
        stands for what is invalid and already reported.

    Returns
    -------
    str, dict
    """
    own = section("views")["context"] | {key: value for key, value in (views["context"] or {}).items() if value}
    flat = views["dimensions"] != 3
    name = f"context{own['voxel_nm']:g}" + ("" if flat else f"-{own['voxel_z_nm']:g}-{own['depth_nm']:g}")
    render = {"voxel_nm": own["voxel_nm"], "canvas_nm": "fitted", "kernel": "count", "dimensions": views["dimensions"]}
    render |= {key: None if flat else own[key] for key in ("voxel_z_nm", "depth_nm")}
    return name.replace(".", "_"), render | {"align": "none", "precision_nm": None}
