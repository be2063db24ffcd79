"""Rules between the keys of an experiment, what it refers to in the config, and the experiment it starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ainu.attribution.catalogue import SMOOTHED, methods_for
from ainu.networks.catalogue import CATALOGUE
from ainu.settings.defaults import render_of_views
from ainu.settings.schemas import Tree, allowed_by, schema_of
from ainu.settings.sections import uneven
from ainu.settings.sweep import runs_of
from ainu.settings.wording import joined, one_of, place_of, shown


def experiment_mistakes(config: Tree, given: Tree) -> list[str]:
    """Mistakes of all experiments. A null stands for what is invalid and already reported."""
    return [line for name in config["experiments"] for line in _mistakes_of(name, config, given)]


def _mistakes_of(name: str, config: Tree, given: Tree) -> Iterator[str]:
    experiment, channels = config["experiments"][name], config.get("channels")
    if "classes" not in experiment:
        yield f"experiments.{name}.classes: missing; needed here or in defaults: {_classes_allowed()}"
    for channel in experiment["channels"] or []:
        if channels and channel not in channels:
            yield f"{place_of(name, 'channels', given)}: {one_of(channel, channels)}"
    yield from _render_mistakes(name, config, given)
    yield from _view_mistakes(name, config, given)
    yield from _augmentation_mistakes(name, config)
    yield from _attribution_mistakes(name, config)
    yield from _init_mistakes(name, config["experiments"])
    yield from _weight_mistakes(name, config["experiments"])
    yield from _origin_mismatches(name, config)


def _classes_allowed() -> str:
    return allowed_by(schema_of("config")["$defs"]["classes"])


def _render_mistakes(name: str, config: Tree, given: Tree) -> Iterator[str]:
    render, renders, named = config["experiments"][name]["render"], config["renders"], given.get("renders") or {}
    if render is None and len(named) > 1:
        yield f"{place_of(name, 'render', given)}: missing, allowed: one of {joined(named)}"
    if render is None and not named:
        yield f"{place_of(name, 'views', given)}: found null, and no render; allowed: views, or the name of a render"
    if render is not None and render not in renders:
        yield f"{place_of(name, 'render', given)}: {one_of(render, list(renders))}"


def _view_mistakes(name: str, config: Tree, given: Tree) -> Iterator[str]:
    """Views beside a render, no view at all, crops that are no whole number of voxels or too small."""
    experiment, place = config["experiments"][name], place_of(name, "views", given)
    views = experiment["views"]
    for own in (given["experiments"][name] or {}, given.get("defaults") or {}):
        if own.get("views") and own.get("render"):
            yield f"{place}: found beside render {own['render']!r}; allowed: one of the two"
    if not views:
        return
    if views["detail"] is None and views["context"] is None:
        yield f"{place}: found detail and context null; allowed: at least one of the two"
    if views["detail"]:
        yield from uneven(f"{place}.detail", views["detail"], "size_nm", "voxel_nm")
        yield from uneven(f"{place}.detail", views["detail"], "depth_nm", "voxel_z_nm")
        yield from _small_crops(f"{place}.detail", experiment)
    if views["context"]:
        yield from uneven(f"{place}.context", views["context"], "depth_nm", "voxel_z_nm")
    name_of_render, render = render_of_views(views)
    if experiment["render"] == name_of_render and config["renders"].get(name_of_render) != render:
        yield (
            f"renders.{name_of_render}: found a name that is kept for the context of experiments.{name}; "
            "allowed: any other name"
        )


def _small_crops(place: str, experiment: Tree) -> Iterator[str]:
    """Crops of fewer voxels than the network of the detail takes."""
    detail = experiment["views"]["detail"]
    network = CATALOGUE.get(detail["network"] or experiment["network"] or "")
    edges = [("size_nm", "voxel_nm", "least_voxels")]
    edges += [("depth_nm", "voxel_z_nm", "least_planes")] if experiment["views"]["dimensions"] == 3 else []
    for size, voxel, least in edges:
        if network and detail[size] and detail[voxel] and round(detail[size] / detail[voxel]) < getattr(network, least):
            needed = getattr(network, least)
            yield (
                f"{place}.{size}: found {detail[size]}, {round(detail[size] / detail[voxel])} voxels of {voxel} "
                f"({detail[voxel]}); allowed: at least {needed} voxels for network "
                f"{detail['network'] or experiment['network']!r}, {needed * detail[voxel]:.15g} nm"
            )


def networks_of(experiment: Tree) -> list[str]:
    """Names of the networks of an experiment's views, each once; without invalid ones."""
    views = [view for view in (experiment["views"] or {}).values() if isinstance(view, dict)]
    names = [view["network"] or experiment["network"] for view in views] or [experiment["network"]]
    return [name for name in dict.fromkeys(names) if name in CATALOGUE]


def _augmentation_mistakes(name: str, config: Tree) -> Iterator[str]:
    """What only localizations can be put through."""
    experiment = config["experiments"][name]
    kernel = (config["renders"].get(experiment["render"]) or {}).get("kernel")
    for key in ("shift_nm", "thin", "jitter", "drop_background"):
        if kernel == "gaussian" and experiment["augmentation"][key]:
            place, found = f"experiments.{name}.augmentation.{key}", experiment["augmentation"][key]
            yield f"{place}: found {found} with a render of kernel 'gaussian', which holds no localizations; allowed: 0"


def _attribution_mistakes(name: str, config: Tree) -> Iterator[str]:
    """Methods that a network has nothing for; the runs of a sweep are not explained."""
    experiments = config["experiments"]
    if any(name in {other, *runs_of(other, entry)} for other, entry in experiments.items() if entry["sweep"]):
        return
    experiment, own = experiments[name], experiments[name]["attribution"]
    place = f"experiments.{name}.attribution"
    for network in networks_of(experiment):
        allowed = methods_for(network)
        unfit = [method for method in own["methods"] or [] if method not in allowed]
        if unfit:
            fit = [method for method in allowed if not method.startswith(SMOOTHED)]
            yield (
                f"{place}.methods: found {shown(unfit)} with network {network!r}; allowed: a list of {', '.join(fit)}"
            )
    channels = experiment["channels"] or config.get("channels") or []
    if (channel := own["nucleoli"]["channel"]) is not None and channel not in channels:
        yield f"{place}.nucleoli.channel: {one_of(channel, channels)}, or null"


def _init_mistakes(name: str, experiments: Tree) -> Iterator[str]:
    origin, place = experiments[name]["init_from"], f"experiments.{name}.init_from"
    others = [other for other in experiments if other != name]
    if origin is None:
        return
    if origin == name:
        yield f"{place}: found {origin!r}, the experiment itself; allowed: null or one of {joined(others)}"
    elif origin not in experiments:
        yield f"{place}: {one_of(origin, others)}, or null"
    elif name in (chain := _ancestors(name, experiments)):
        circle = " <- ".join([name, *chain])
        yield f"{place}: found {origin!r}, which starts from {name!r} in turn ({circle}); allowed: no circle"


def _ancestors(name: str, experiments: Tree) -> list[str]:
    """Experiments that one starts from, nearest first, until the chain ends or repeats."""
    chain: list[str] = []
    origin = experiments[name]["init_from"]
    while origin in experiments and origin not in chain:
        chain.append(origin)
        origin = experiments[origin]["init_from"]
    return chain


def _origin_mismatches(name: str, config: Tree) -> Iterator[str]:
    """What of the images an experiment must share with the one whose weights it starts from."""
    own, origin = config["experiments"][name], config["experiments"].get(config["experiments"][name]["init_from"])
    if origin is None or origin is own:
        return
    theirs = _voxels(origin, config)
    for view, here in _voxels(own, config).items():
        other = view if view in theirs else next(iter(theirs))
        if here and theirs[other] and here != theirs[other]:
            yield (
                f"experiments.{name}.init_from: found {own['init_from']!r}, where voxel_nm of the {other} is "
                f"{shown(theirs[other])}, not {shown(here)} as of the {view} here; allowed: an experiment with the "
                "same voxel_nm"
            )


def _voxels(experiment: Tree, config: Tree) -> dict[str, float | None]:
    """Voxels of what each network of an experiment sees, in the order of the views of its models."""
    views = experiment["views"]
    if not views:
        return {"render": (config["renders"].get(experiment["render"]) or {}).get("voxel_nm")}
    return {view: views[view]["voxel_nm"] for view in ("detail", "context") if views[view]} or {"detail": None}


def _weight_mistakes(name: str, experiments: Tree) -> Iterator[str]:
    weights, origin = experiments[name]["transfer"]["weights"], experiments[name]["init_from"]
    if weights is not None and origin is not None:
        yield (
            f"experiments.{name}.transfer.weights: found {weights!r} beside init_from {origin!r}; "
            "allowed: one of the two"
        )


def missing_weights(config: Tree, root: Path) -> Iterator[str]:
    """Files of weights to start from that are not there."""
    for name, experiment in config["experiments"].items():
        weights, alone = experiment["transfer"]["weights"], experiment["init_from"] is None
        if alone and weights is not None and not (root / weights).is_file():
            place = f"experiments.{name}.transfer.weights"
            yield f"{place}: found {weights!r}, which is no file; allowed: a .safetensors file"
