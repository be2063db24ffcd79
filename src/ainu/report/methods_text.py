"""Methods for a paper, from the settings of the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from markupsafe import Markup

from ainu.drift.settings import DriftSettings
from ainu.figures.names import method_name
from ainu.intervals import as_number
from ainu.prose import listed
from ainu.quality.settings import CrowdedSettings, IsolatedSettings, Limits, MergeSettings, QualitySettings
from ainu.report.facts import ExperimentFacts
from ainu.report.settings import ReportedExperiment
from ainu.report.sources import DatasetSummary, JsonObject
from ainu.report.text import counted, heading, name_text, names_text, number_text, words
from ainu.training.recipe import Recipe
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
_OPTIMIZERS = {"adamw": "AdamW", "adam": "Adam", "sgd": "stochastic gradient descent with Nesterov momentum"}
_LIMITS = ("photons", "precision_nm", "sigma_nm", "sigma_ratio", "frames")


def versions(models: Sequence[JsonObject]) -> dict[str, str]:
    """Versions of ainu and its dependencies: those in `model.json` of the first model, else those installed."""
    trained = dict(models[0].get("versions") or {}) if models else {}
    return {"ainu": __version__} | {name: trained.get(name) or version(name) for name in VERSIONS_OF}


def paragraphs(facts: ExperimentFacts) -> list[Markup]:
    """The methods, a paragraph per stage; what no setting says is left out rather than guessed."""
    stages = (
        _localizations(facts.settings.drift, facts.settings.quality),
        _images(facts),
        _training(facts),
        _evaluation(facts),
        _attribution(facts.experiment, facts.map_methods),
        _software(facts.settings.seed, facts.models),
    )
    return [Markup(" ").join(sentences) for stage in stages if (sentences := list(stage))]


def _localizations(drift: DriftSettings, quality: QualitySettings) -> Iterator[Markup]:
    yield _drift(drift)
    limits = {name: getattr(quality, name) for name in _LIMITS}
    if kept := [_range(name, ends) for name, ends in limits.items() if any(end not in (None, 0) for end in ends)]:
        yield Markup("Localizations were kept within these limits: {}.").format(Markup("; ").join(kept))
    if quality.crowded:
        yield _sentence("Localizations in crowded places (fiducials, aggregates) were dropped", quality.crowded)
    if quality.isolated:
        yield _sentence("Isolated localizations were dropped as background", quality.isolated)
    if quality.merge:
        yield _sentence("Repeated localizations of one emitter (blinks) were merged", quality.merge)


def _drift(drift: DriftSettings) -> Markup:
    if drift.method == "none":
        return Markup("Drift was not corrected.")
    segments = f", segments of {drift.segment_frames} frames" if drift.method == "rcc" else ""
    return Markup("Drift was corrected by {} ({}{}).").format(_DRIFT[drift.method], drift.method, segments)


def _sentence(start: str, settings: CrowdedSettings | IsolatedSettings | MergeSettings) -> Markup:
    inside = ", ".join(_named(name, value) for name, value in asdict(settings).items())
    return Markup("{} ({}).").format(start, inside)


def _range(name: str, limits: Limits) -> Markup:
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


def _images(facts: ExperimentFacts) -> Iterator[Markup]:
    experiment, settings, dataset = facts.experiment, facts.settings, facts.dataset
    area = settings.nuclei.area_um2
    between = "" if None in area else f", of {area[0]} to {area[1]} µm²"
    yield Markup("Nuclei were found {}{}.").format(_NUCLEI[settings.nuclei.method], between)
    yield _seen(experiment, dataset)
    if cut := dataset.clipped[dataset.clipped > 0].tolist():
        yield Markup("The canvas cuts off up to {:.2g} % of the localizations of {}.").format(
            100 * max(cut), counted(len(cut), "nucleus", "nuclei")
        )
    if facts.recorded.intensity == "share":
        yield Markup(
            "The network sees the square root of each channel's counts over their mean{}, so that the number of "
            "localizations does not enter directly."
        ).format(" in the nucleus" if experiment.views else "")
    elif facts.recorded.intensity == "log":
        yield Markup("The network sees the logarithm of one plus the counts.")


def _seen(experiment: ReportedExperiment, dataset: DatasetSummary) -> Markup:
    """How localizations became what networks see."""
    counted_as = "were spread by their precision over" if dataset.spread else "were counted in"
    canvas = f"voxels of {number_text(dataset.voxel_nm)} nm on a canvas of {dataset.width_nm / 1000:g} µm"
    parts = [canvas]
    if experiment.views:
        detail = experiment.views.detail
        crops = f"voxels of {detail.voxel_nm:g} nm in crops of {detail.size_nm / 1000:g} µm (detail)" if detail else ""
        parts = [crops] if crops else []
        parts += [f"{canvas} (context)"] if experiment.views.context else []
    return Markup("Localizations {} {}, one image channel each for {}.").format(
        counted_as, " and in ".join(parts), names_text(dataset.channels)
    )


def _training(facts: ExperimentFacts) -> Iterator[Markup]:
    experiment, metrics, models, done = facts.experiment, facts.metrics, facts.models, facts.recorded
    n = len(models)
    network = Markup("A network of type {}").format(name_text(done.network))
    if experiment.views and experiment.views.detail and experiment.views.context:
        network = Markup("For each of the two views, a network ({})").format(name_text(done.network))
    start = Markup("{} was trained to distinguish {}").format(network, names_text(metrics["classes"]))
    times = f", repeated {experiment.repeats} times" if experiment.repeats != 1 else ""
    made = f" ({counted(n, 'model')})" if n else ""
    start += Markup(" in {}-fold cross-validation{}{}").format(experiment.folds, times, made)
    yield start + ", with every replicate in one fold only."
    if experiment.views and experiment.views.detail:
        yield Markup(
            "A crop is drawn where localizations are; a prediction is the mean of the logits of the tiles that cover "
            "the nucleus, each weighted by its localizations."
        )
        if experiment.views.context:
            yield Markup(
                "The logits of the two views are added, each times a share fitted on training nuclei that the networks "
                "of the fit had not seen{}."
            ).format(_shares(models))
    if done.start != "random":
        yield Markup("Weights started {}.").format(done.start)
    yield _schedule(done.training)
    if mixed := sum("bfloat16" in str(info.get("precision")) for info in models):
        yield Markup("{} trained in mixed precision (bfloat16).").format(
            "All models were" if mixed == n else f"Of {n} models {mixed} were"
        )
    used = {key: value for key, value in asdict(done.augmentation).items() if value}
    named = (words(key) if value is True else _named(key, value) for key, value in used.items())
    yield Markup("Augmentation: {}.").format(", ".join(named))


def _shares(models: Sequence[JsonObject]) -> str:
    """The mean shares of the views of all models: " (on average detail 1.6, context 0.4)"."""
    shares = [{view: own.get("share") for view, own in (info.get("views") or {}).items()} for info in models]
    known = [own for own in shares if own and None not in own.values()]
    if not known:
        return ""
    means = {view: sum(own[view] for own in known) / len(known) for view in known[0]}
    return f" (on average {', '.join(f'{view} {mean:.2g}' for view, mean in means.items())})"


def optimizer_name(training: Recipe) -> str:
    """Name of the optimizer of a training."""
    return _OPTIMIZERS[training.optimizer]


def _schedule(training: Recipe) -> Markup:
    optimizer = f"by {optimizer_name(training)} with a one-cycle learning rate of at most {training.learning_rate}"
    decay = f"a weight decay of {training.weight_decay}"
    last = training.validation_fraction == 0
    chosen = "the last step was used" if last else "the best step was chosen on validation replicates"
    return Markup("Training took up to {} steps of {} crops or nuclei, {} and {}; {}.").format(
        training.steps, training.batch_size, optimizer, decay, chosen
    )


def _evaluation(facts: ExperimentFacts) -> Iterator[Markup]:
    yield Markup(
        "Scores are those of the pooled out-of-fold predictions, averaged over repeats; 95 % intervals are expanded "
        "percentile intervals from a bootstrap over replicates."
    )
    if (facts.metrics.get("permutation") or {}).get("p") is not None:
        yield Markup("Significance was tested by permutation of the labels.")
    if facts.recorded.hold_out:
        yield Markup("A held-out test set, which no model was trained on, was {}.").format(facts.recorded.hold_out)


def _attribution(experiment: ReportedExperiment, map_methods: Sequence[str]) -> Iterator[Markup]:
    if map_methods:
        of_steps = {"integrated_gradients": f" ({experiment.attribution.steps} steps)"}
        names = listed(method_name(name) + of_steps.get(name, "") for name in map_methods)
        views = experiment.views
        places = ["voxels"] if views is None else ["voxels of the context"] if views.context else []
        if views and views.detail:
            places += [f"localizations by the detail ({_nuclei_of(experiment.attribution.detail_nuclei)})"]
        yield Markup(
            "Decisions were attributed to {} by {}, each nucleus by models that had not seen its replicate."
        ).format(listed(places), names)


def _nuclei_of(number: int | str) -> str:
    return "all nuclei" if number == "all" else counted(int(number), "nucleus", "nuclei")


def _software(seed: int, models: Sequence[JsonObject]) -> Iterator[Markup]:
    yield Markup("Seed {}.").format(seed)
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
