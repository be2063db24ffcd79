"""Methods for a paper, from the settings of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from markupsafe import Markup

from ainu.figures.names import method_name
from ainu.intervals import as_number
from ainu.prose import listed
from ainu.report.facts import ExperimentFacts
from ainu.report.sources import DatasetSummary, JsonObject
from ainu.report.text import counted, heading, name_text, names_text, number_text, words
from ainu.version import __version__

DOI = "10.1038/s42256-024-00883-x"
VERSIONS_OF = ("torch", "monai", "captum", "scikit-learn", "numpy", "snakemake")
"""Packages beside ainu whose versions the methods paragraph gives."""

_DRIFT = {
    "aim": "adaptive intersection maximization",
    "rcc": "redundant cross-correlation",
    "fiducial": "fiducial markers",
}
_NUCLEI = {
    "density": "from the local density of localizations",
    "roi": "by hand-drawn ImageJ outlines",
    "labels": "by label images",
    "column": "by a segmentation in the localization files",
    "whole": "as whole fields of view, one nucleus each",
}


def versions(models: Sequence[JsonObject]) -> dict[str, str]:
    """Versions of ainu and its dependencies: those in `model.json` of the first model, else those installed."""
    trained = dict(models[0].get("versions") or {}) if models else {}
    return {"ainu": __version__} | {name: trained.get(name) or version(name) for name in VERSIONS_OF}


def paragraphs(facts: ExperimentFacts) -> list[Markup]:
    """The methods, a paragraph per stage; what no setting says is left out rather than guessed."""
    stages = (
        _localizations(facts.config),
        _images(facts.experiment, facts.config, facts.dataset),
        _training(facts.experiment, facts.metrics, facts.models),
        _evaluation(facts.metrics),
        _attribution(facts.experiment, facts.map_methods),
        _software(facts.config, facts.models),
    )
    return [Markup(" ").join(sentences) for stage in stages if (sentences := list(stage))]


def _localizations(config: JsonObject) -> Iterator[Markup]:
    drift, quality = config.get("drift") or {}, config.get("quality") or {}
    if method := drift.get("method"):
        yield _drift(method, drift)
    if kept := [_range(name, limits) for name, limits in quality.items() if _is_range(limits)]:
        yield Markup("Localizations were kept within these limits: {}.").format(Markup("; ").join(kept))
    if crowded := quality.get("crowded"):
        yield _sentence("Localizations in crowded places (fiducials, aggregates) were dropped", crowded)
    if isolated := quality.get("isolated"):
        yield _sentence("Isolated localizations were dropped as background", isolated)
    if merge := quality.get("merge"):
        yield _sentence("Repeated localizations of one emitter (blinks) were merged", merge)


def _drift(method: str, drift: JsonObject) -> Markup:
    if method == "none":
        return Markup("Drift was not corrected.")
    segments = (
        f", segments of {drift['segment_frames']} frames" if method == "rcc" and "segment_frames" in drift else ""
    )
    return Markup("Drift was corrected by {} ({}{}).").format(_DRIFT.get(method, method), method, segments)


def _sentence(start: str, settings: Any) -> Markup:
    if not isinstance(settings, Mapping):
        return Markup("{}.").format(start)
    inside = ", ".join(_named(str(key), value) for key, value in settings.items())
    return Markup("{} ({}).").format(start, inside)


def _is_range(limits: Any) -> bool:
    return isinstance(limits, list | tuple) and len(limits) == 2 and any(limit not in (None, 0) for limit in limits)


def _range(name: str, limits: Sequence[Any]) -> Markup:
    low, high = limits
    title, unit = _title_and_unit(name)
    ends = (
        f"at least {_plain(low)}" if high is None else f"at most {_plain(high)}" if low is None else f"{low} to {high}"
    )
    return Markup("{} {}{}").format(title, ends, unit)


def _named(name: str, value: Any) -> str:
    """A setting with its value and unit: "radius 150 nm"."""
    title, unit = _title_and_unit(name)
    return f"{title} {_plain(value)}{unit}"


def _title_and_unit(name: str) -> tuple[str, str]:
    """`radius_nm` as "radius" and " nm"."""
    title, _, unit = heading(name).partition(" (")
    return title, f" {unit.rstrip(')')}" if unit else ""


def _images(experiment: JsonObject, config: JsonObject, dataset: DatasetSummary) -> Iterator[Markup]:
    found = config.get("nuclei") or {}
    render = (config.get("renders") or {}).get(experiment.get("render")) or {}
    if method := found.get("method"):
        area = found.get("area_um2")
        between = f", of {area[0]} to {area[1]} µm²" if area and None not in area else ""
        yield Markup("Nuclei were found {}{}.").format(_NUCLEI.get(method, words(str(method))), between)
    counted_as = "were spread by their precision over" if render.get("kernel") == "gaussian" else "were counted in"
    yield Markup("Localizations {} voxels of {} nm on a canvas of {} µm, one image channel each for {}.").format(
        counted_as, number_text(dataset.voxel_nm), number_text(dataset.width_nm / 1000), names_text(dataset.channels)
    )
    if experiment.get("intensity") == "share":
        yield Markup(
            "The network sees the square root of each channel's counts over their mean, so that the number of "
            "localizations does not enter directly."
        )
    elif experiment.get("intensity") == "log":
        yield Markup("The network sees the logarithm of one plus the counts.")


def _training(experiment: JsonObject, metrics: JsonObject, models: Sequence[JsonObject]) -> Iterator[Markup]:
    settings, n = experiment.get("training") or {}, len(models)
    network = Markup("A network of type {}").format(name_text(experiment.get("network", "not recorded")))
    start = Markup("{} was trained to distinguish {}").format(network, names_text(metrics["classes"]))
    if experiment.get("folds"):
        repeats = experiment.get("repeats", 1)
        times = f", repeated {repeats} times" if repeats != 1 else ""
        made = f" ({counted(n, 'model')})" if n else ""
        start += Markup(" in {}-fold cross-validation{}{}").format(experiment["folds"], times, made)
    yield start + ", with every replicate in one fold only."
    if initial := experiment.get("init_from"):
        yield Markup(
            "Weights started from those of experiment {}, of models that had not seen the held-out replicates."
        ).format(name_text(initial))
    if settings.get("epochs"):
        yield _schedule(settings)
    if mixed := sum(info.get("precision") == "bfloat16" for info in models):
        yield Markup("{} trained in mixed precision (bfloat16).").format(
            "All models were" if mixed == n else f"Of {n} models {mixed} were"
        )
    if used := {key: value for key, value in (experiment.get("augmentation") or {}).items() if value}:
        named = (words(key) if value is True else _named(key, value) for key, value in used.items())
        yield Markup("Augmentation: {}.").format(", ".join(named))


def optimizer_name(training: JsonObject) -> str:
    """Name of the optimizer of a training."""
    name = training.get("optimizer", "adamw")
    return {"adamw": "AdamW", "adam": "Adam", "sgd": "stochastic gradient descent with Nesterov momentum"}[name]


def _schedule(settings: JsonObject) -> Markup:
    optimizer = ""
    if "learning_rate" in settings:
        optimizer = f", by {optimizer_name(settings)} with a one-cycle learning rate of at most "
        optimizer += str(settings["learning_rate"])
        optimizer += f" and a weight decay of {settings['weight_decay']}" if "weight_decay" in settings else ""
    batch = f" in batches of {settings['batch_size']}" if "batch_size" in settings else ""
    share = settings.get("validation_fraction", "")
    chosen = "the last epoch was used" if share == 0 else "the best epoch was chosen on validation replicates"
    return Markup("Training took up to {} epochs{}{}; {}.").format(settings["epochs"], batch, optimizer, chosen)


def _evaluation(metrics: JsonObject) -> Iterator[Markup]:
    yield Markup(
        "Scores are those of the pooled out-of-fold predictions, averaged over repeats; 95 % intervals are from a "
        "bootstrap over replicates."
    )
    if (metrics.get("permutation") or {}).get("p") is not None:
        yield Markup("Significance was tested by permutation of the labels.")
    if metrics.get("test"):
        yield Markup("Samples of a held-out test set were used for the final evaluation only.")


def _attribution(experiment: JsonObject, map_methods: Sequence[str]) -> Iterator[Markup]:
    if map_methods:
        steps = (experiment.get("attribution") or {}).get("steps")
        of_steps = {"integrated_gradients": f" ({steps} steps)"} if steps else {}
        names = listed(method_name(name) + of_steps.get(name, "") for name in map_methods)
        yield Markup(
            "Decisions were attributed to voxels by {}, each nucleus by models that had not seen its replicate."
        ).format(names)


def _software(config: JsonObject, models: Sequence[JsonObject]) -> Iterator[Markup]:
    if config.get("seed") is not None:
        yield Markup("Seed {}.").format(config["seed"])
    if seeds := [str(info["seed"]) for info in models if info.get("seed") is not None]:
        yield Markup("Seeds of the models, derived from it: {}.").format(", ".join(seeds))
    pairs = ", ".join(f"{name} {number}" for name, number in versions(models).items())
    yield Markup("Versions: {}.").format(pairs)


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, list | tuple):
        return " to ".join(_plain(item) for item in value)
    return f"{value:g}" if as_number(value) is not None else str(value)
