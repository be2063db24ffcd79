"""The config by its schema: the part of it that is valid, and what is wrong with the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import takewhile
from typing import Any

import jsonschema

from ainu.settings.defaults import MAY_BE_NULL
from ainu.settings.schemas import Tree, allowed_by, child, resolved, schema_of
from ainu.settings.sweep import expand
from ainu.settings.wording import did_you_mean, dotted, joined, shown


def valid_part(config: Mapping[str, Any]) -> tuple[Tree, list[str]]:
    """The config with null for each invalid value and without unknown keys, and what was wrong with them."""
    spec = schema_of("config")
    if not isinstance(config, Mapping):
        return {}, [f"found {shown(config)}, allowed: a mapping with the keys {joined(spec['properties'])}"]
    given = _plain(config, spec)
    if isinstance(given.get("experiments"), dict):
        given["experiments"] = expand(given["experiments"])
    errors = sorted(_validator().iter_errors(given), key=lambda error: dotted(error.absolute_path))
    told: dict[str, str] = {}
    for path, complaint in (told_of for error in errors for told_of in _complaints(error)):
        told.setdefault(path, f"{path}: {complaint}")
    for error in errors:
        _remove(given, error)
    return given, list(told.values())


@cache
def _validator() -> jsonschema.Validator:
    """A validator for which infinity and NaN are no numbers."""
    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine(
        "number", lambda checker, value: base.TYPE_CHECKER.is_type(value, "number") and math.isfinite(value)
    )
    return jsonschema.validators.extend(base, type_checker=types)(schema_of("config"))


def _plain(value: Any, spec: Tree) -> Any:
    """A copy with text as keys, whole numbers as integers, and an empty mapping where a section has nothing in it."""
    kinds = [spec.get("type")] if isinstance(spec.get("type"), str) else spec.get("type", [])
    if value is None and kinds == ["object"]:
        return {}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry, child(spec, str(key))) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, resolved(spec.get("items", {}))) for entry in value]
    return int(value) if "integer" in kinds and isinstance(value, float) and value.is_integer() else value


def _remove(given: Tree, error: jsonschema.ValidationError) -> None:
    if error.validator == "required" or _is_name(error):
        return
    if error.validator == "additionalProperties":
        holder = _at(given, error.absolute_path)
        for key in _unknown(error) if isinstance(holder, dict) else ():
            holder.pop(key, None)
        return
    keys = list(takewhile(lambda part: isinstance(part, str), error.absolute_path))  # a list goes as a whole
    holder = _at(given, keys[:-1])
    if keys and isinstance(holder, dict):
        if keys[-1] in MAY_BE_NULL:
            del holder[keys[-1]]
        else:
            holder[keys[-1]] = None


def _at(tree: Any, path: Iterable[Any]) -> Any:
    """What stands at a path, None if something on the way is gone already."""
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            return None
        tree = tree[part]
    return tree


def _is_name(error: jsonschema.ValidationError) -> bool:
    """Whether it is about the name of an entry, which stands at no path of its own."""
    return "propertyNames" in error.absolute_schema_path


def _unknown(error: jsonschema.ValidationError) -> list[str]:
    return [key for key in error.instance if key not in error.schema.get("properties", {})]


def _complaints(error: jsonschema.ValidationError) -> Iterator[tuple[str, str]]:
    """Path and text of what a schema error means to the user."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        for key in _unknown(error):
            yield dotted([*path, key]), _unknown_key(key, error.schema)
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield dotted([*path, key]), f"missing; needed: {child(error.schema, key)['description']}"
    elif _is_name(error):
        yield dotted([*path, error.instance]), f"found the name {error.instance!r}, allowed: {allowed_by(error.schema)}"
    else:
        yield dotted(path), _bad_value(error)


def _unknown_key(key: str, spec: Tree) -> str:
    known = spec["properties"]
    if key in (gone := spec.get("x-gone", {})):
        return f"no longer a key; {gone[key]}"
    homes = [name for name, own in known.items() if key in resolved(own).get("properties", {})]
    hint = f"; it belongs under {homes[0]!r}" if homes else did_you_mean(key, known)
    return f"unknown key, allowed: {joined(known)}{hint}"


def _bad_value(error: jsonschema.ValidationError) -> str:
    gone = error.schema.get("x-gone", {})
    if isinstance(error.instance, str) and error.instance in gone:
        return f"found {shown(error.instance)}, which is gone; {gone[error.instance]}"
    hint = did_you_mean(error.instance, error.validator_value) if error.validator == "enum" else ""
    return f"found {shown(error.instance)}, allowed: {allowed_by(error.schema)}{hint or _yaml_hint(error)}"


def _yaml_hint(error: jsonschema.ValidationError) -> str:
    """Why YAML read something else than what was meant, where that is likely."""
    value, wanted = error.instance, error.schema.get("type", "")
    takes_numbers = "number" in wanted or "integer" in wanted
    if "string" in wanted and not takes_numbers and isinstance(value, bool | int | float):
        return "; put it in quotes to make it text"
    if isinstance(value, str) and takes_numbers and _number(value) is not None:
        return f"; it was read as text, write {_number(value):.15g}"
    return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
