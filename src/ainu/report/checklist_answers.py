"""Answers to the items of a checklist, from what a run recorded."""

from __future__ import annotations

from dataclasses import asdict

from ainu.figures.names import method_name
from ainu.intervals import Interval
from ainu.prose import listed
from ainu.report.facts import ExperimentFacts
from ainu.report.methods_text import optimizer_name, versions
from ainu.report.text import counted, number_text, words
from ainu.report.verdict import METRICS, audit_title, audits_of, confounder_score

BY_AUTHORS = "to be filled in by the authors"
"""Stands where only the authors know the answer."""


def sizes(facts: ExperimentFacts) -> str:
    """How many nuclei and replicates there are of each class."""
    table = facts.dataset.table
    classes = [(name, table[table["label"] == name]) for name in facts.metrics["classes"]]
    each = "; ".join(
        f"{name}: {counted(len(own), 'nucleus', 'nuclei')} of {counted(own['replicate'].nunique(), 'replicate')}"
        for name, own in classes
    )
    return f"{each}. Origin: {BY_AUTHORS}"


def splits(facts: ExperimentFacts) -> str:
    """How nuclei were divided into training and test."""
    experiment = facts.experiment
    times = f", repeated {experiment.repeats} times" if experiment.repeats != 1 else ""
    kept = f"{experiment.folds}-fold cross-validation{times} over {counted(facts.n_replicates, 'replicate')}"
    if facts.recorded.training.validation_fraction == 0:
        return f"{kept}; a fixed number of training steps, so that no validation replicates were needed."
    return f"{kept}; the training step of each model was chosen on validation replicates of its training folds."


def independence(facts: ExperimentFacts) -> str:
    """Whether replicates were kept together."""
    each = f"each of {counted(facts.n_replicates, 'replicate')} is in one fold only"
    return (
        f"Replicates are kept together: {each}; every stage that reads the folds checks this, and so does this report."
    )


def algorithm(facts: ExperimentFacts) -> str:
    """Network and optimizer."""
    optimizer = optimizer_name(facts.recorded.training)
    return f"{facts.recorded.network}, {optimizer}, one-cycle learning rate; {counted(len(facts.models), 'model')}."


def initial(facts: ExperimentFacts) -> str:
    """Where the weights started."""
    start = facts.recorded.start
    return "No; weights start at random." if start == "random" else f"Weights start {start}."


def encoding(facts: ExperimentFacts) -> str:
    """How localizations became images."""
    shape, views = " × ".join(map(str, facts.dataset.shape[1:])), facts.experiment.views
    whole = f"of {number_text(facts.dataset.voxel_nm)} nm, {shape} voxels"
    parts = [whole]
    if views:
        own = views.detail
        crop = f"of {number_text(own.voxel_nm)} nm, crops of {own.size_nm / 1000:g} µm" if own else ""
        parts = [part for part in (crop, f"{whole} for the whole nucleus" if views.context else "") if part]
    drawn = "Localizations, spread by their precision, in voxels" if facts.dataset.spread else "Localizations per voxel"
    return (
        f"{drawn} {'; '.join(parts)}; channels {listed(facts.dataset.channels)}; see Methods for "
        "drift, filters and scaling."
    )


def parameters(facts: ExperimentFacts) -> str:
    """Settings of the training."""
    training = asdict(facts.recorded.training)
    named = [f"{words(key)} {training[key]}" for key in ("steps", "batch_size", "learning_rate", "weight_decay")]
    return f"Of the architecture named above. Settings: {', '.join(named)}."


def features(facts: ExperimentFacts) -> str:
    """What the network sees."""
    views = facts.experiment.views
    seen = "crops that cover the nucleus" if views and views.detail else "the whole image"
    both = " and the whole nucleus" if views and views.detail and views.context else ""
    return f"No selection; the network sees {seen}{both}: {listed(facts.dataset.channels)}."


def fitting(facts: ExperimentFacts) -> str:
    """Which step was taken."""
    if facts.recorded.training.validation_fraction == 0:
        return "The last step of each model was used."
    return "The step of each model was chosen on validation replicates; curves under Training."


def regularization(facts: ExperimentFacts) -> str:
    """What was done against overfitting."""
    training, augmentation = facts.recorded.training, asdict(facts.recorded.augmentation)
    used = [f"weight decay {training.weight_decay}"] if training.weight_decay else []
    used += [f"early stopping after {training.patience} checks"] if training.validation_fraction else []
    used += [f"augmentation ({', '.join(words(key) for key, value in augmentation.items() if value)})"]
    return f"{'; '.join(used).capitalize()}."


def interpretable(facts: ExperimentFacts) -> str:
    """Attribution methods, and those that pass their checks."""
    judged = facts.scorecard.judged
    if not facts.scorecard.rows:
        return "No attribution was computed."
    names = listed(method_name(name) for name in facts.scorecard.passing)
    if not judged:
        return "Attribution maps by methods that were not checked."
    names = names if facts.scorecard.passing else "none"
    return f"Attribution maps by {counted(len(judged), 'method')}; passing all checks: {names}."


def evaluation(facts: ExperimentFacts) -> str:
    """On which nuclei the scores are."""
    test = facts.metrics.get("test")
    nuclei = counted((test or {}).get("n") or 0, "nucleus", "nuclei")
    held = f"; held-out test set of {nuclei}, {facts.recorded.hold_out}" if test else ""
    return f"Out-of-fold predictions: each nucleus by models that had not seen its replicate{held}."


def measures(facts: ExperimentFacts) -> str:
    """Names of the metrics."""
    return f"{', '.join(METRICS[name].split(' (')[0] for name in METRICS if name in facts.metrics['metrics'])}."


def comparison(facts: ExperimentFacts) -> str:
    """What the network is compared with."""
    audits, confounders = audits_of(facts.metrics), confounder_score(facts.metrics)
    if not audits:
        return f"Chance level only. Other methods: {BY_AUTHORS}"
    score = f" (confounders: {confounders})" if confounders.value is not None else ""
    return f"Chance level; {'; '.join(audit_title(audit) for audit in audits)}{score}. Other methods: {BY_AUTHORS}"


def certainty(facts: ExperimentFacts) -> str:
    """The interval of the balanced accuracy."""
    score = Interval.of(facts.metrics["metrics"].get("balanced_accuracy"))
    return f"95 % expanded percentile intervals from a bootstrap over replicates; balanced accuracy {score}."


def environment(facts: ExperimentFacts) -> str:
    """Versions of the software."""
    pairs = ", ".join(f"{name} {number}" for name, number in versions(facts.models).items())
    return f"{pairs}; all versions in requirements.txt and envs/."


def reproduce(facts: ExperimentFacts) -> str:
    """The command that makes this report."""
    return f"snakemake results/experiments/{facts.name}/report.html, seed {facts.settings.seed}."


def missing(facts: ExperimentFacts) -> str:
    """What was left out, by sample and by localization."""
    skipped = counted(facts.skipped, "sample") + " skipped because of an unreadable file or a failed stage"
    return (
        f"{skipped}; localizations dropped by each filter are counted in qc/summary.tsv. Excluded by hand: {BY_AUTHORS}"
    )


def broken(facts: ExperimentFacts) -> str:
    """What becomes of files that cannot be read."""
    return (
        "A file that cannot be read stops the run, or its sample is skipped and named on this page, as is one that "
        "fails in a later stage; localizations without a finite position are dropped and counted."
    )


def hyperparameters(facts: ExperimentFacts) -> str:
    """How settings were chosen."""
    if facts.experiment.sweep:
        return "Compared in a sweep: sweep.tsv has the score of every run, and of choosing the run within each fold."
    return f"Set in the config before training. Reasons: {BY_AUTHORS}"


def legitimate(facts: ExperimentFacts) -> str:
    """Whether anything but the image enters."""
    share = facts.recorded.intensity == "share"
    seen = " Images are normalised by their number of localizations." if share else ""
    return f"The image alone; no metadata enters.{seen} Scores of counts and area alone: see Audits."


def tests(facts: ExperimentFacts) -> str:
    """The test by label permutation."""
    p = (facts.metrics.get("permutation") or {}).get("p")
    return "None." if p is None else f"Permutation of the labels, p = {number_text(p)}."


def beyond(facts: ExperimentFacts) -> str:
    """The score on the held-out test set."""
    test = facts.metrics.get("test")
    if not test:
        return f"None in this run: no samples have the role test. Elsewhere: {BY_AUTHORS}"
    score = Interval.of((test.get("metrics") or {}).get("balanced_accuracy"))
    nuclei = counted(test.get("n") or 0, "nucleus", "nuclei")
    return f"Held-out test set, {facts.recorded.hold_out}: balanced accuracy {score} on {nuclei}."
