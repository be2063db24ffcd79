"""What the user asked for: the config and the sample sheet, checked as a whole and filled with defaults.

The JSON Schemas under `workflow/schemas` say what each key and column may hold. What no schema can say (a class without
samples, a channel that no file has, ...) is checked here. Every mistake is found before any job starts, and all of them
are told at once.
"""

from __future__ import annotations

import csv
import difflib
import io
import itertools
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import yaml

from ainu.errors import AinuError
from ainu.formats import channels as channel_names
from ainu.formats import mapping
from ainu.methods import SMOOTHED, methods_for
from ainu.networks.catalogue import CATALOGUE, POINT_NETWORKS
from ainu.pack import mismatches, read_info
from ainu.sweep import expand, runs_of

SCHEMAS = Path(__file__).parents[2] / "workflow" / "schemas"
SIMULATED = os.path.join("results", "simulated", "")
AUTOMATIC_SHARD = re.compile(r"s[0-9]{4,}")
SAME_IN_A_SAMPLE = ("label", "replicate", "role", "shard")

Tree = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Settings:
    """A config and its sample sheet without mistakes.

    Attributes
    ----------
    config : dict
        Every key filled. An experiment holds all keys of `defaults` and `init_from`; its `channels` and `render` are
        names, never null.
    samples : DataFrame
        The sheet, one row per file, all text. Every optional column is there, '' where a cell is empty; `role` and
        `shard` are filled.
    shards : dict of str to tuple of str
        Shard -> its samples, in the order of the sheet.
    """

    config: Tree
    samples: pd.DataFrame
    shards: dict[str, tuple[str, ...]]

    def rows(self, sample: str) -> list[dict[str, str]]:
        """The sheet's rows of a sample, one per file.

        Raises
        ------
        AinuError
            No such sample.
        """
        return _known(self._by_sample, sample, "sample")

    def experiment(self, name: str) -> Tree:
        """All settings of an experiment.

        Raises
        ------
        AinuError
            No such experiment.
        """
        return _known(self.config["experiments"], name, "experiment")

    def samples_of(self, experiment: str) -> list[str]:
        """Samples that an experiment trains on (role `train`, a label among its classes), in the order of the sheet."""
        self.experiment(experiment)
        return list(self._by_experiment[experiment])

    @cached_property
    def _by_experiment(self) -> dict[str, tuple[str, ...]]:
        trained = self.samples[self.samples["role"].eq("train")].drop_duplicates("sample")
        classes = {name: settings["classes"] for name, settings in self.config["experiments"].items()}
        return {name: tuple(trained.loc[trained["label"].isin(own), "sample"]) for name, own in classes.items()}

    @cached_property
    def _by_sample(self) -> dict[str, list[dict[str, str]]]:
        grouped: dict[str, list[dict[str, str]]] = {}
        for row in self.samples.to_dict("records"):
            grouped.setdefault(row["sample"], []).append({str(name): cell for name, cell in row.items()})
        return grouped


def schema(name: str) -> Tree:
    """The JSON Schema of the config (`config`) or of a row of the sheet (`samples`)."""
    return deepcopy(_schema(name))


def check(config: Mapping[str, Any], root: str | Path = ".", *, source: str = "config") -> Settings:
    """Check a config and the sheet it names, and fill in the defaults.

    Parameters
    ----------
    config : mapping
        As read from YAML.
    root : path
        Folder that the paths in config and sheet are relative to.
    source : str
        What messages call the config; its file's name, say.

    Raises
    ------
    AinuError
        Lists every mistake, one per line: file, row or key, what was found, what is allowed.
    """
    given, mistakes = _valid_part(config)
    filled = _filled(given)
    mistakes += _impossible_settings(filled, given)
    sheet = _Sheet.read(filled.get("samples"), Path(root))
    if sheet.usable:
        mistakes += _mismatches(filled, given, sheet)
    mistakes += _model_mistakes(filled, given, Path(root))
    mistakes += _missing_weights(filled, Path(root))
    lines = [f"{source}: {line}" for line in mistakes] + _sheet_mistakes(filled, sheet)
    if lines:
        raise AinuError("\n".join(dict.fromkeys(lines)))
    return _settled(filled, sheet.table)


def _settled(config: Tree, table: pd.DataFrame) -> Settings:
    samples = table.reset_index(drop=True)
    shard_of = _shards(samples, config["shard_size"])
    samples["shard"] = samples["sample"].map(shard_of).astype(object)
    shards: dict[str, list[str]] = {}
    for sample, shard in shard_of.items():
        shards.setdefault(shard, []).append(sample)
    return Settings(config, samples, {shard: tuple(members) for shard, members in shards.items()})


def _shards(samples: pd.DataFrame, shard_size: int | str) -> dict[str, str]:
    """Sample -> shard; the place in the sheet counts, so that a shard given by hand never moves another sample."""
    firsts = samples.drop_duplicates("sample")
    places = zip(firsts["sample"], firsts["shard"], _automatic_shards(shard_size), strict=False)
    return {sample: own or automatic for sample, own, automatic in places}


def _automatic_shards(shard_size: int | str) -> Iterator[str]:
    """The shard of each place in the sheet, without end.

    How many places a shard takes depends on its number alone: rows added at the end move no sample to another shard,
    and yet a hundred thousand samples are a thousand shards.
    """
    for k in itertools.count():
        size = min(16 << k // 128, 128) if shard_size == "auto" else int(shard_size)
        yield from itertools.repeat(f"s{k + 1:04d}", size)


# --- messages ---------------------------------------------------------------------------------------------------------


def _known(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise AinuError(f"no {what} {name!r}{_did_you_mean(name, table)}")
    return table[name]


def _did_you_mean(value: Any, allowed: Iterable[Any]) -> str:
    by_lower = {str(name).lower(): name for name in allowed}
    close = difflib.get_close_matches(str(value).lower(), by_lower, 1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def _one_of(value: Any, allowed: Sequence[Any]) -> str:
    return f"found {_shown(value)}, allowed: {_listed(allowed)}{_did_you_mean(value, allowed)}"


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(str(name) for name in names) or "none there is"


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _dotted(path: Iterable[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _numbered(rows: Sequence[int]) -> str:
    """`row 4`, or `rows 4-6, 9`."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    spans = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(spans)}"


# --- the config by its schema -----------------------------------------------------------------------------------------


@cache
def _schema(name: str) -> Tree:
    path = SCHEMAS / f"{name}.schema.yaml"
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AinuError(f"no schema {name!r}: {path} does not exist") from None


@cache
def _validator() -> jsonschema.Validator:
    """A validator for which infinity and NaN are no numbers."""
    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine(
        "number", lambda checker, value: base.TYPE_CHECKER.is_type(value, "number") and math.isfinite(value)
    )
    return jsonschema.validators.extend(base, type_checker=types)(_schema("config"))


def _resolved(spec: Tree) -> Tree:
    if "$ref" not in spec:
        return spec
    target = _schema("config")["$defs"][spec["$ref"].rpartition("/")[2]]
    return {**target, **spec}


def _child(spec: Tree, key: str) -> Tree:
    """The schema of a key; empty for one that the schema does not know."""
    return _resolved(spec.get("properties", {}).get(key) or spec.get("additionalProperties") or {})


def _valid_part(config: Mapping[str, Any]) -> tuple[Tree, list[str]]:
    """The config with null for each invalid value and without unknown keys, and what was wrong with them."""
    spec = _schema("config")
    if not isinstance(config, Mapping):
        return {}, [f"found {_shown(config)}, allowed: a mapping with the keys {_listed(spec['properties'])}"]
    given = _plain(config, spec)
    if isinstance(given.get("experiments"), dict):
        given["experiments"] = expand(given["experiments"])
    errors = sorted(_validator().iter_errors(given), key=lambda error: _dotted(error.absolute_path))
    told: dict[str, str] = {}
    for path, complaint in (told_of for error in errors for told_of in _complaints(error)):
        told.setdefault(path, f"{path}: {complaint}")
    for error in errors:
        _remove(given, error)
    return given, list(told.values())


def _plain(value: Any, spec: Tree) -> Any:
    """A copy with text as keys, whole numbers as integers, and an empty mapping where a section has nothing in it."""
    kinds = [spec.get("type")] if isinstance(spec.get("type"), str) else spec.get("type", [])
    if value is None and kinds == ["object"]:
        return {}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry, _child(spec, str(key))) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, _resolved(spec.get("items", {}))) for entry in value]
    return int(value) if "integer" in kinds and isinstance(value, float) and value.is_integer() else value


def _remove(given: Tree, error: jsonschema.ValidationError) -> None:
    if error.validator == "required" or _is_name(error):
        return
    if error.validator == "additionalProperties":
        holder = _at(given, error.absolute_path)
        for key in _unknown(error) if isinstance(holder, dict) else ():
            holder.pop(key, None)
        return
    keys = _before_list(error.absolute_path)
    holder = _at(given, keys[:-1])
    if keys and isinstance(holder, dict):
        holder[keys[-1]] = None


def _before_list(path: Iterable[str | int]) -> list[str]:
    keys: list[str] = []
    for part in path:
        if isinstance(part, int):
            break
        keys.append(part)
    return keys


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
            yield _dotted([*path, key]), _unknown_key(key, error.schema["properties"])
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield _dotted([*path, key]), f"missing; needed: {_child(error.schema, key)['description']}"
    elif _is_name(error):
        yield _dotted([*path, error.instance]), f"found the name {error.instance!r}, allowed: {_allowed(error.schema)}"
    else:
        yield _dotted(path), _bad_value(error)


def _unknown_key(key: str, known: Mapping[str, Any]) -> str:
    homes = [name for name, spec in known.items() if key in _resolved(spec).get("properties", {})]
    hint = f"; it belongs under {homes[0]!r}" if homes else _did_you_mean(key, known)
    return f"unknown key, allowed: {_listed(known)}{hint}"


def _bad_value(error: jsonschema.ValidationError) -> str:
    hint = _did_you_mean(error.instance, error.validator_value) if error.validator == "enum" else ""
    return f"found {_shown(error.instance)}, allowed: {_allowed(error.schema)}{hint or _yaml_hint(error)}"


def _yaml_hint(error: jsonschema.ValidationError) -> str:
    """Why YAML read something else than what was meant, where that is likely."""
    value, wanted = error.instance, error.schema.get("type", "")
    if "string" in wanted and isinstance(value, bool | int | float):
        return "; put it in quotes to make it text"
    if isinstance(value, str) and ("number" in wanted or "integer" in wanted) and _number(value) is not None:
        return f"; it was read as text, write {_number(value):.15g}"
    return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _allowed(spec: Tree) -> str:
    """What a schema allows, in words."""
    if "x-allowed" in spec:
        return spec["x-allowed"]
    if "enum" in spec:
        return f"one of {_listed(spec['enum'])}"
    names = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "object": "a mapping"}
    names |= {"null": "null", "string": "a text", "array": "a list"}
    kinds = [spec["type"]] if isinstance(spec["type"], str) else spec["type"]
    first, *others = [names[kind] for kind in kinds]
    keys = f" with the keys {_listed(spec['properties'])}" if "properties" in spec else ""
    return " or ".join([first + _limits(spec) + keys, *others])


def _limits(spec: Tree) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    limits = [f"{word} {spec[key]:.15g}" for key, word in words.items() if key in spec]
    return ", " + " and ".join(limits) if limits else ""


# --- defaults ---------------------------------------------------------------------------------------------------------


def _filled(given: Tree) -> Tree:
    """Every key: of an experiment by `defaults`, of `defaults` and the rest by the schema."""
    spec = _schema("config")
    entries = given.get("experiments") or {}
    config = _with_defaults({**given, "experiments": {}}, spec)
    base = config["defaults"] | {"init_from": None, "sweep": None, "study": None}
    config["experiments"] = {
        name: _resolved_names(_merged(base, entry or {}), config) for name, entry in entries.items()
    }
    return config


def _with_defaults(given: Tree | None, spec: Tree) -> Tree:
    given = given or {}
    filled = {key: _value(given, key, _child(spec, key)) for key in spec.get("properties", {})}
    filled |= {key: _value(given, key, _child(spec, key)) for key in given if key not in filled}
    return {key: value for key, value in filled.items() if value is not ...}


def _value(given: Tree, key: str, spec: Tree) -> Any:
    """A key's value with defaults inside, or its default; `...` where it has none."""
    if key not in given and "default" in spec:
        return deepcopy(spec["default"])
    if spec.get("type") == "object" or isinstance(given.get(key), dict):
        return _with_defaults(given.get(key), spec)
    return deepcopy(given.get(key, ...))


def _merged(base: Tree, over: Tree) -> Tree:
    merged = deepcopy(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else deepcopy(value)
    return merged


def _resolved_names(experiment: Tree, config: Tree) -> Tree:
    if experiment["channels"] is None:
        experiment["channels"] = list(config.get("channels") or []) or None
    if experiment["render"] is None and len(config["renders"]) == 1:
        experiment["render"] = next(iter(config["renders"]))
    return experiment


# --- what the schema cannot say of the config -------------------------------------------------------------------------


def _impossible_settings(config: Tree, given: Tree) -> list[str]:
    """Mistakes between keys of the config. A null stands for what is invalid and has been told already."""
    return [
        *_reversed_ranges(config),
        *_uneven_canvases(config["renders"]),
        *_nuclei_mistakes(config),
        *_mapping_mistakes(config),
        *_ingest_mistakes(config),
        *(line for name in config["experiments"] for line in _experiment_mistakes(name, config, given)),
    ]


def _reversed_ranges(config: Tree) -> Iterator[str]:
    ranges = {f"quality.{key}": value for key, value in config["quality"].items() if isinstance(value, list)}
    ranges |= {f"quality.extra.{name}": value for name, value in (config["quality"]["extra"] or {}).items()}
    ranges |= {f"nuclei.{key}": config["nuclei"][key] for key in ("area_um2", "solidity", "roundness")}
    for path, limits in ranges.items():
        if limits and _reversed(*limits):
            yield f"{path}: found {_shown(limits)}, allowed: [lowest, highest] with lowest no larger than highest"


def _reversed(low: Any, high: Any) -> bool:
    """Whether limits are the wrong way round; a number and a quantile can be compared only once there are data."""
    if isinstance(low, str) and isinstance(high, str):
        low, high = (float(limit.removeprefix("q")) for limit in (low, high))
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    return numbers and low > high


def _uneven_canvases(renders: Tree) -> Iterator[str]:
    for name, render in renders.items():
        if render["canvas_nm"] != "fitted":
            yield from _uneven(f"renders.{name}", render, "canvas_nm", "voxel_nm")
        yield from _uneven(f"renders.{name}", render, "depth_nm", "voxel_z_nm")
        for key in ("voxel_z_nm", "depth_nm"):
            if render["dimensions"] == 3 and render[key] is None:
                yield f"renders.{name}.{key}: missing; needed with dimensions: 3: a number of nm"


def _uneven(place: str, render: Tree, whole: str, part: str) -> Iterator[str]:
    size, voxel = render[whole], render[part]
    if voxel and size and (size < voxel or not math.isclose(size / voxel, round(size / voxel))):
        nearest = max(1, round(size / voxel)) * voxel
        yield (f"{place}.{whole}: found {size}, allowed: a whole multiple of {part} ({voxel}), such as {nearest:.15g}")


def _nuclei_mistakes(config: Tree) -> Iterator[str]:
    nuclei, channels = config["nuclei"], config.get("channels")
    if nuclei["method"] == "column" and nuclei["column"] is None:
        yield "nuclei.column: found null, allowed: the name of the column that holds the segmentation (method: column)"
    if channels and nuclei["channel"] is not None and nuclei["channel"] not in channels:
        yield f"nuclei.channel: {_one_of(nuclei['channel'], channels)}"


def _mapping_mistakes(config: Tree) -> Iterator[str]:
    text = config["ingest"]["columns"]
    complaint = _mapping_complaint(text) if text else None
    if complaint:
        yield f"ingest.columns: {complaint}"


def _ingest_mistakes(config: Tree) -> Iterator[str]:
    channels = config.get("channels") or []
    crosstalk, alignment = config["ingest"]["crosstalk"] or {}, config["ingest"]["alignment"] or {}
    for source, targets in (crosstalk.get("fractions") or {}).items():
        for name in dict.fromkeys([source, *(targets or {})]):
            if channels and name not in channels:
                yield f"ingest.crosstalk.fractions.{source}: {_one_of(name, channels)}"
        if source in (targets or {}):
            yield f"ingest.crosstalk.fractions.{source}: found {source!r} itself; allowed: other channels"
    if alignment.get("method") == "beads":
        table = alignment.get("bead_table")
        if table is None:
            yield "ingest.alignment.bead_table: found null, allowed: the path of a table of beads (method: beads)"
    if channels and alignment.get("reference") is not None and alignment["reference"] not in channels:
        yield f"ingest.alignment.reference: {_one_of(alignment['reference'], channels)}"


def _experiment_mistakes(name: str, config: Tree, given: Tree) -> Iterator[str]:
    experiment, channels = config["experiments"][name], config.get("channels")
    if "classes" not in experiment:
        yield f"experiments.{name}.classes: missing; needed here or in defaults: {_classes_allowed()}"
    for channel in experiment["channels"] or []:
        if channels and channel not in channels:
            yield f"{_place(name, 'channels', given)}: {_one_of(channel, channels)}"
    yield from _render_mistakes(name, config, given)
    yield from _augmentation_mistakes(name, config)
    yield from _attribution_mistakes(name, config)
    yield from _audit_mistakes(name, config)
    yield from _init_mistakes(name, config["experiments"])
    yield from _weight_mistakes(name, config["experiments"])
    yield from _origin_mismatches(name, config)


def _classes_allowed() -> str:
    return _allowed(_schema("config")["$defs"]["classes"])


def _render_mistakes(name: str, config: Tree, given: Tree) -> Iterator[str]:
    render, renders = config["experiments"][name]["render"], config["renders"]
    if render is None and len(renders) > 1:
        yield f"{_place(name, 'render', given)}: missing, allowed: one of {_listed(renders)}"
    if render is not None and render not in renders:
        yield f"{_place(name, 'render', given)}: {_one_of(render, list(renders))}"


def _augmentation_mistakes(name: str, config: Tree) -> Iterator[str]:
    """What only localizations can be put through, and what only counts can be made of."""
    experiment = config["experiments"][name]
    augmentation, place = experiment["augmentation"], f"experiments.{name}.augmentation"
    kernel = (config["renders"].get(experiment["render"]) or {}).get("kernel")
    by_localization = augmentation["level"] == "localizations"
    if by_localization and kernel == "gaussian":
        yield (
            f"{place}.level: found 'localizations' with a render of kernel 'gaussian'; "
            "allowed: 'voxels', or a render of kernel 'count'"
        )
    if by_localization or experiment["network"] in POINT_NETWORKS:
        return
    for key in ("jitter", "drop_background"):
        if augmentation[key]:
            yield f"{place}.{key}: found {augmentation[key]} with level 'voxels'; allowed: 0, or level 'localizations'"


def _attribution_mistakes(name: str, config: Tree) -> Iterator[str]:
    """Methods that a network has nothing for; the runs of a sweep are not explained."""
    experiments = config["experiments"]
    if any(name in {other, *runs_of(other, entry)} for other, entry in experiments.items() if entry["sweep"]):
        return
    experiment, own = experiments[name], experiments[name]["attribution"]
    place = f"experiments.{name}.attribution"
    if experiment["network"] in CATALOGUE:
        allowed = methods_for(experiment["network"])
        unfit = [method for method in own["methods"] or [] if method not in allowed]
        if unfit:
            fit = [method for method in allowed if not method.startswith(SMOOTHED)]
            yield (
                f"{place}.methods: found {_shown(unfit)} with network {experiment['network']!r}; "
                f"allowed: a list of {', '.join(fit)}"
            )
    channels = experiment["channels"] or config.get("channels") or []
    if (channel := own["nucleoli"]["channel"]) is not None and channel not in channels:
        yield f"{place}.nucleoli.channel: {_one_of(channel, channels)}, or null"


def _audit_mistakes(name: str, config: Tree) -> Iterator[str]:
    """A network that reads localizations sees no outlines."""
    experiment = config["experiments"][name]
    audit = experiment["audit"]
    if audit["network"] is None and experiment["network"] in POINT_NETWORKS and "outline" in (audit["networks"] or []):
        yield (
            f"experiments.{name}.audit.networks: found 'outline' with network {experiment['network']!r}, which reads "
            "localizations; allowed: an audit.network that reads images, or no 'outline'"
        )


def _weight_mistakes(name: str, experiments: Tree) -> Iterator[str]:
    weights, origin = experiments[name]["transfer"]["weights"], experiments[name]["init_from"]
    if weights is not None and origin is not None:
        yield (
            f"experiments.{name}.transfer.weights: found {weights!r} beside init_from {origin!r}; "
            "allowed: one of the two"
        )


def _missing_weights(config: Tree, root: Path) -> Iterator[str]:
    for name, experiment in config["experiments"].items():
        weights, alone = experiment["transfer"]["weights"], experiment["init_from"] is None
        if alone and weights is not None and not (root / weights).is_file():
            place = f"experiments.{name}.transfer.weights"
            yield f"{place}: found {weights!r}, which is no file; allowed: a .safetensors file"


def _init_mistakes(name: str, experiments: Tree) -> Iterator[str]:
    origin, place = experiments[name]["init_from"], f"experiments.{name}.init_from"
    others = [other for other in experiments if other != name]
    if origin is None:
        return
    if origin == name:
        yield f"{place}: found {origin!r}, the experiment itself; allowed: null or one of {_listed(others)}"
    elif origin not in experiments:
        yield f"{place}: {_one_of(origin, others)}, or null"
    elif name in (chain := _ancestors(name, experiments)):
        circle = " <- ".join([name, *chain])
        yield f"{place}: found {origin!r}, which starts from {name!r} in turn ({circle}); allowed: no circle"


def _origin_mismatches(name: str, config: Tree) -> Iterator[str]:
    """What of the images an experiment must share with the one whose weights it starts from."""
    own, origin = config["experiments"][name], config["experiments"].get(config["experiments"][name]["init_from"])
    if origin is None or origin is own:
        return
    sizes = [(config["renders"].get(it["render"]) or {}).get("voxel_nm") for it in (own, origin)]
    pairs = {"voxel_nm of the render": tuple(sizes)}
    for what, (here, there) in pairs.items():
        if here and there and here != there:
            yield (
                f"experiments.{name}.init_from: found {own['init_from']!r}, where {what} is {_shown(there)}, "
                f"not {_shown(here)} as here; allowed: an experiment with the same {what}"
            )


def _ancestors(name: str, experiments: Tree) -> list[str]:
    """Experiments that one starts from, nearest first, until the chain ends or repeats."""
    chain: list[str] = []
    origin = experiments[name]["init_from"]
    while origin in experiments and origin not in chain:
        chain.append(origin)
        origin = experiments[origin]["init_from"]
    return chain


def _place(name: str, key: str, given: Tree) -> str:
    """Path of an experiment's key, with where its value comes from."""
    own = key in (_at(given, ["experiments", name]) or {})
    inherited = not own and key in (given.get("defaults") or {})
    return f"experiments.{name}.{key}{f' (from defaults.{key})' if inherited else ''}"


# --- packed models ----------------------------------------------------------------------------------------------------


def _model_mistakes(config: Tree, given: Tree, root: Path) -> Iterator[str]:
    """Packs that cannot be read or were trained on other images than this config makes; and nothing to do at all."""
    models, told = config["predict"]["models"], "experiments" in given and given["experiments"] is None
    if not (config["experiments"] or models or told):
        found = "found {}" if "experiments" in given else "missing"
        yield f"experiments: {found}; needed: at least one experiment here, or a model under predict.models"
    for name, folder in models.items():
        if name in config["experiments"]:
            yield f"predict.models.{name}: found {name!r}, which is an experiment too; allowed: another name"
        if folder is not None:
            yield from (f"predict.models.{name}: {line}" for line in _pack_mistakes(root / folder, config))


def _pack_mistakes(folder: Path, config: Tree) -> list[str]:
    try:
        return list(mismatches(read_info(folder), config))
    except AinuError as error:
        return [str(error)]


# --- the sheet --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Sheet:
    """A sample sheet with the mistakes that it holds by itself.

    `table` has every column, and as its index the number of the row in the file (the header is row 1). It is `usable`
    if its mistakes are in cells only, so that comparing it with the config makes sense.
    """

    path: str
    table: pd.DataFrame
    mistakes: list[str]
    root: Path
    usable: bool = True

    @classmethod
    def read(cls, path: str | None, root: Path) -> _Sheet:
        empty = pd.DataFrame(columns=list(_schema("samples")["properties"]), dtype=object)
        if not path:
            return cls("", empty, [], root, usable=False)
        try:
            header, rows = _cells(path, root)
        except AinuError as error:
            return cls(path, empty, [str(error)], root, usable=False)
        wrong_header = [f"{path}, row 1: {line}" for line in _header_mistakes(header)]
        wrong_length = [f"{path}, row {number}: {line}" for number, line in _length_mistakes(header, rows)]
        table = _table(header, rows)
        wrong_cells = [f"{path}, {line}" for line in _cell_mistakes(table, header, root)]
        missing = set(_schema("samples")["required"]) - set(header)
        return cls(path, table, wrong_header + wrong_length + wrong_cells, root, usable=not missing)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The first row of each sample."""
        return self.table.drop_duplicates("sample")

    @cached_property
    def channels(self) -> dict[str, tuple[str, ...]]:
        """Channels by the text of a cell; texts that cannot be read are left out."""
        parsed = {text: _channels(text) for text in self.table["channels"].unique()}
        return {text: names for text, names in parsed.items() if names}

    def contradictions(self) -> list[str]:
        """Rows of one sample that do not fit each other."""
        shared = self.table[self.table["sample"].duplicated(keep=False) & self.table["sample"].ne("")]
        lines = [*self._repeated_channels(shared)]
        for column in SAME_IN_A_SAMPLE:
            lines += self._disagreements(shared, column)
        lines += self._disagreements(shared[shared["roi"].ne("")], "roi")
        lines += [*self._shared_files(), *self._replicates_of_two_roles()]
        return [f"{self.path}, {line}" for line in lines]

    def _repeated_channels(self, shared: pd.DataFrame) -> Iterator[str]:
        first: dict[tuple[str, str], int] = {}
        for row, sample, text in zip(shared.index, shared["sample"], shared["channels"], strict=True):
            for channel in self.channels.get(text, ()):
                before = first.setdefault((sample, channel), row)
                if before != row:
                    yield (
                        f"row {row}, channels: found {channel!r} again for the sample {sample!r} "
                        f"(row {before} has it); allowed: each channel of a sample once"
                    )

    def _shared_files(self) -> Iterator[str]:
        """The same nuclei in two samples could be trained on and tested on."""
        files = self.table.loc[self.table["path"].ne("") & self.table["sample"].ne(""), ["path", "sample"]]
        first: dict[str, tuple[int, str]] = {}
        for row, path, sample in zip(files.index, files["path"], files["sample"], strict=True):
            before, other = first.setdefault(os.path.realpath(self.root / path), (row, sample))
            if other != sample:
                yield (
                    f"row {row}, path: found {path!r} for the sample {sample!r}, which is the file of the sample "
                    f"{other!r} (row {before}); allowed: each file in one sample"
                )

    def _replicates_of_two_roles(self) -> Iterator[str]:
        for replicate, own in self.samples[self.samples["replicate"].ne("")].groupby("replicate", sort=False):
            rows = _rows_by_text(dict(zip(own.index, own["role"], strict=True)))
            if {"train", "test"} <= set(rows):
                yield (
                    f"{_numbered(rows['test'])}, role: found 'test' for the replicate {replicate!r}, which has 'train' "
                    f"in {_numbered(rows['train'])}; allowed: one role for all samples of a replicate"
                )

    def _disagreements(self, shared: pd.DataFrame, column: str) -> Iterator[str]:
        for sample, cells in _grouped(shared, column).items():
            rows_by_text = _rows_by_text(cells)
            if len(rows_by_text) > 1:
                found = [f"{_shown(text)} in row {rows[0]}" for text, rows in rows_by_text.items()]
                yield (
                    f"{_numbered(list(cells))}, {column}: found {' and '.join(found)} for the sample {sample!r}; "
                    "allowed: the same in all its rows"
                )


def _cells(path: str, root: Path) -> tuple[list[str], dict[int, list[str]]]:
    """Header, and row number -> cells, without blanks around them and without empty rows."""
    lines = csv.reader(io.StringIO(_sheet_text(path, root)), delimiter="\t")
    try:
        cells = [[cell.strip() for cell in row] for row in lines]
    except csv.Error as error:
        raise AinuError(f"{path}, row {lines.line_num}: cannot be read ({error})") from None
    header = list(cells[0]) if cells else []
    while header and not header[-1]:
        header.pop()
    rows = {number: row for number, row in enumerate(cells[1:], start=2) if any(row)}
    if len(header) == 1 and (match := re.search("[,;]", header[0])):
        raise AinuError(
            f"{path}, row 1: found {header[0]!r}, one column with {match[0]!r} in it; allowed: columns separated by "
            "tabs (save it as tab-separated text)"
        )
    if not header or not rows:
        raise AinuError(f"{path}: empty; needed: a header and a row per localization file")
    return header, rows


def _sheet_text(path: str, root: Path) -> str:
    file = root / path
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        siblings = os.listdir(file.parent) if file.parent.is_dir() else []
        raise AinuError(f"{path}: no such sample sheet{_did_you_mean(file.name, siblings)}") from None
    except OSError as error:
        raise AinuError(f"{path}: the sample sheet cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise AinuError(
            f"{path}: not UTF-8 (byte {error.start}); allowed: tab-separated text in UTF-8, no spreadsheet file"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _header_mistakes(header: list[str]) -> Iterator[str]:
    spec = _schema("samples")
    for column in spec["required"]:
        if column not in header:
            yield f"missing column {column!r}: {spec['properties'][column]['description']}"
    for column, count in Counter(header).items():
        if column not in spec["properties"]:
            yield f"unknown column {_one_of(column, list(spec['properties'])).removeprefix('found ')}"
        elif count > 1:
            yield f"column {column!r} found {count} times, allowed: once"


def _length_mistakes(header: list[str], rows: dict[int, list[str]]) -> Iterator[tuple[int, str]]:
    for number, row in rows.items():
        if any(row[len(header) :]):
            yield number, f"found {len(row)} cells, allowed: {len(header)}, as in the header"


def _table(header: list[str], rows: dict[int, list[str]]) -> pd.DataFrame:
    place = {column: header.index(column) for column in _schema("samples")["properties"] if column in header}
    columns = {
        column: [row[index] if index < len(row) else "" for row in rows.values()] for column, index in place.items()
    }
    table = pd.DataFrame(columns, index=list(rows), dtype=object)
    for column, spec in _schema("samples")["properties"].items():
        default = spec.get("default", "")
        table[column] = table[column].replace("", default) if column in table else default
    return table[list(_schema("samples")["properties"])].astype(object)


def _cell_mistakes(table: pd.DataFrame, header: list[str], root: Path) -> Iterator[str]:
    for column in table.columns.intersection(header):
        tell = _teller(str(column), root)
        for text, rows in _rows_by_text(dict(zip(table.index, table[column], strict=True))).items():
            complaint = tell(text)
            if complaint:
                yield f"{_numbered(rows)}, {column}: {complaint}"
    for row, format, columns in zip(table.index, table["format"], table["columns"], strict=True):
        if columns and format not in ("", "table"):
            yield f"row {row}, columns: found {columns!r} with the format {format!r}, allowed: with format table only"


def _rows_by_text(cells: dict[int, str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, text in cells.items():
        rows.setdefault(text, []).append(row)
    return rows


def _teller(column: str, root: Path) -> Callable[[str], str | None]:
    """What is wrong with a text in a column: by the schema, then by what only this column needs."""
    spec = _schema("samples")["properties"][column]
    needed = "minLength" in spec or ("pattern" in spec and not re.search(spec["pattern"], ""))
    pattern = re.compile(spec.get("pattern", ""))
    special = _SPECIAL.get(column, lambda text, root: None)

    def tell(text: str) -> str | None:
        if not text:
            return f"empty; needed: {spec['x-allowed']}" if needed else None
        if "\n" in text:
            return f"found {text[:40]!r}, a cell over several lines; is there a quotation mark without its pair?"
        if "enum" in spec and text not in spec["enum"]:
            return _one_of(text, [name for name in spec["enum"] if name])
        if not pattern.search(text):
            return f"found {text!r}, allowed: {spec['x-allowed']}"
        return special(text, root)

    return tell


def _missing_file(text: str, root: Path) -> str | None:
    if os.path.normpath(text).startswith(SIMULATED) or os.path.isfile(root / text):
        return None
    kind = "a folder" if os.path.isdir(root / text) else "no such file"
    return f"found {text!r}, {kind}; allowed: the path of an existing file, relative to {root.absolute()}"


def _channels_complaint(text: str, _root: Path) -> str | None:
    try:
        channel_names.parse(text)
    except AinuError as error:
        return f"found {text!r}, allowed: {_schema('samples')['properties']['channels']['x-allowed']}; {error}"
    return None


def _channels(text: str) -> tuple[str, ...]:
    try:
        parsed = channel_names.parse(text)
    except AinuError:
        return ()
    return (parsed,) if isinstance(parsed, str) else tuple(parsed.values())


def _mapping_complaint(text: str, _root: Path | None = None) -> str | None:
    pairs = [part.partition("=") for part in text.split(",")]
    # A bracket is a unit only behind a length; elsewhere it may be part of the column's name.
    bracketed = [source.strip() for key, _, source in pairs if key.strip() not in mapping.IN_LENGTHS]
    try:
        mapping.parse(text, bracketed)
    except AinuError as error:
        return f"found {text!r}, allowed: {_schema('samples')['properties']['columns']['x-allowed']}; {error}"
    return None


def _pixel_size_complaint(text: str, _root: Path) -> str | None:
    allowed = _schema("samples")["properties"]["pixel_size_nm"]["x-allowed"]
    return None if float(text) > 0 else f"found {text!r}, allowed: {allowed}"


def _shard_complaint(text: str, _root: Path) -> str | None:
    if AUTOMATIC_SHARD.fullmatch(text):
        return f"found {text!r}, a name of an automatic shard; allowed: any other name"
    return None


_SPECIAL: dict[str, Callable[[str, Path], str | None]] = {
    "path": _missing_file,
    "roi": _missing_file,
    "channels": _channels_complaint,
    "columns": _mapping_complaint,
    "pixel_size_nm": _pixel_size_complaint,
    "shard": _shard_complaint,
}


# --- the config against the sheet -------------------------------------------------------------------------------------


def _sheet_mistakes(config: Tree, sheet: _Sheet) -> list[str]:
    if not sheet.usable:
        return sheet.mistakes
    outlines = _missing_outlines(sheet, config["nuclei"]["method"]) if config["nuclei"]["method"] in FROM_IMAGES else []
    return [*sheet.mistakes, *sheet.contradictions(), *_lacking_channels(config, sheet), *outlines]


def _mismatches(config: Tree, given: Tree, sheet: _Sheet) -> list[str]:
    lines = [*_channels_of_no_file(config, sheet)]
    for name, experiment in config["experiments"].items():
        if experiment.get("classes"):
            lines += [*_classes_without_samples(name, experiment["classes"], given, sheet)]
            lines += [*_few_replicates(name, experiment, given, sheet)]
    return lines


def _channels_of_no_file(config: Tree, sheet: _Sheet) -> Iterator[str]:
    there = {name: None for names in sheet.channels.values() for name in names}
    unread = [text for text in sheet.table["channels"].unique() if text not in sheet.channels]
    for channel in config.get("channels") or []:
        if channel not in there and not any(channel in text for text in unread):
            yield f"channels: {_one_of(channel, list(there))} (the channels of {sheet.path})"


def _classes_without_samples(name: str, classes: list[str], given: Tree, sheet: _Sheet) -> Iterator[str]:
    training = sheet.samples[sheet.samples["role"].eq("train")]
    labels = [label for label in dict.fromkeys(training["label"]) if label]
    for label in classes:
        if label not in labels:
            yield (
                f"{_place(name, 'classes', given)}: found {label!r}, a class without samples of role train in "
                f"{sheet.path}; labels there: {_listed(labels)}{_did_you_mean(label, labels)}"
            )


def _few_replicates(name: str, experiment: Tree, given: Tree, sheet: _Sheet) -> Iterator[str]:
    folds, samples = experiment["folds"], sheet.samples
    chosen = samples[samples["role"].eq("train") & samples["label"].isin(experiment["classes"])]
    by_class = chosen.groupby("label")["replicate"].nunique()
    total, place = chosen["replicate"].nunique(), f"{_place(name, 'folds', given)}: found {folds}"
    if folds is None or chosen.empty:
        return
    if total < folds:
        each = ", ".join(f"{label}: {by_class[label]}" for label in experiment["classes"] if label in by_class)
        yield (
            f"{place}, but its samples have {total} replicates in all ({each}) and {folds} are needed; "
            f"add replicates that hold every class{_or_lower(by_class.min())}"
        )
        return
    for label in experiment["classes"]:
        if by_class.get(label, folds) < folds:
            yield (
                f"{place}, but class {label!r} has {by_class[label]} replicates and {folds} are needed; "
                f"add a replicate that holds {label!r}{_or_lower(by_class[label])}"
            )
    yield from _few_inner_replicates(name, experiment, by_class)


def _few_inner_replicates(name: str, experiment: Tree, by_class: pd.Series) -> Iterator[str]:
    """Inner folds that the replicates left to train on cannot fill, when a fold holds its share of each class."""
    inner, folds = (experiment["sweep"] or {}).get("inner_folds", 0), experiment["folds"]
    for label in experiment["classes"]:
        left = by_class.get(label, 0) - -(-by_class.get(label, 0) // folds)
        if left < inner:
            yield (
                f"experiments.{name}.sweep.inner_folds: found {inner}, but class {label!r} has {left} replicates to "
                f"train on in some of {folds} folds; allowed: 0, or at least 2 and at most the replicates of each class"
            )


def _or_lower(folds: int) -> str:
    return f", or lower folds to {folds}" if folds >= 2 else ""


def _lacking_channels(config: Tree, sheet: _Sheet) -> list[str]:
    """Samples without a channel that an experiment with their class uses, the hold-out among them."""
    there = {name for names in sheet.channels.values() for name in names}
    users: dict[str, dict[str, list[str]]] = {}
    for name, experiment in config["experiments"].items():
        for label in experiment.get("classes") or []:
            for channel in there.intersection(experiment["channels"] or []):
                users.setdefault(label, {}).setdefault(channel, []).append(name)
    return [line for label, channels in users.items() for line in _lacking(label, channels, sheet)]


def _lacking(label: str, channels: dict[str, list[str]], sheet: _Sheet) -> Iterator[str]:
    samples = sheet.samples.loc[sheet.samples["label"].eq(label), "sample"]
    rows = sheet.table[sheet.table["sample"].isin(samples)]
    for sample, texts in _grouped(rows, "channels").items():
        if any(text not in sheet.channels for text in texts.values()):
            continue
        found = list(dict.fromkeys(name for text in texts.values() for name in sheet.channels[text]))
        for channel in sorted(set(channels) - set(found)):
            yield (
                f"{sheet.path}, {_numbered(list(texts))}, channels: found {_listed(found)} for the sample {sample!r}, "
                f"needed: {channel} too, which {_listed(f'experiments.{name}' for name in channels[channel])} uses"
            )


def _grouped(table: pd.DataFrame, column: str) -> dict[str, dict[int, str]]:
    """Sample -> row number -> its cell in a column."""
    grouped: dict[str, dict[int, str]] = {}
    for row, sample, text in zip(table.index, table["sample"], table[column], strict=True):
        grouped.setdefault(sample, {})[row] = text
    return grouped


FROM_IMAGES = {"roi": "an ImageJ .roi or .zip", "labels": "a label image (.tif)"}


def _missing_outlines(sheet: _Sheet, method: str) -> list[str]:
    outlined = set(sheet.table.loc[sheet.table["roi"].ne(""), "sample"])
    without = sheet.table[~sheet.table["sample"].isin(outlined)]
    rows = list(without.index)
    if not rows:
        return []
    return [f"{sheet.path}, {_numbered(rows)}, roi: empty; needed: {FROM_IMAGES[method]} (nuclei.method is {method})"]
