"""What a run knows of itself, in sentences that answer the items of a checklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ainu.figures.style import method_name
from ainu.report.attribution import Scorecard
from ainu.report.methods_text import optimizer_name, versions
from ainu.report.sources import Dataset
from ainu.report.text import Interval, counted, listed, number_text, words
from ainu.report.verdict import METRICS, audit_title, audits_of, confounder_score

BY_AUTHORS = "to be filled in by the authors"
"""Stands where no run can know the answer."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """What the checklists are filled in from."""

    name: str
    experiment: Settings
    config: Settings
    metrics: Settings
    dataset: Dataset
    models: Sequence[Settings]
    scorecard: Scorecard
    excluded: int

    @property
    def n_replicates(self) -> int:
        return self.dataset.table["replicate"].nunique()


def sizes(run: Run) -> str:
    table = run.dataset.table
    classes = [(name, table[table["label"] == name]) for name in run.metrics["classes"]]
    each = "; ".join(
        f"{name}: {counted(len(own), 'nucleus', 'nuclei')} of {counted(own['replicate'].nunique(), 'replicate')}"
        for name, own in classes
    )
    return f"{each}. Origin: {BY_AUTHORS}"


def splits(run: Run) -> str:
    folds, repeats = run.experiment.get("folds"), run.experiment.get("repeats", 1)
    if not folds:
        return BY_AUTHORS
    times = f", repeated {repeats} times" if repeats != 1 else ""
    kept = f"{folds}-fold cross-validation{times} over {counted(run.n_replicates, 'replicate')}"
    return f"{kept}; the epoch of each model was chosen on replicates of its training folds."


def independence(run: Run) -> str:
    return (
        f"No: each of {counted(run.n_replicates, 'replicate')} is in one fold only, checked by every stage that reads "
        "the folds and again when this page was made."
    )


def algorithm(run: Run) -> str:
    network = run.experiment.get("network")
    if not network:
        return BY_AUTHORS
    optimizer = optimizer_name(run.experiment.get("training") or {})
    return f"{network}, {optimizer}, one-cycle learning rate; {counted(len(run.models), 'model')}."


def initial(run: Run) -> str:
    initial = run.experiment.get("init_from")
    return f"Weights start from those of {initial}." if initial else "No; weights start at random."


def encoding(run: Run) -> str:
    shape = " × ".join(map(str, run.dataset.shape[1:]))
    return (
        f"Localizations per voxel of {number_text(run.dataset.voxel_nm)} nm, {shape} voxels, channels "
        f"{listed(run.dataset.channels)}; see Methods for drift, filters and scaling."
    )


def parameters(run: Run) -> str:
    training = run.experiment.get("training") or {}
    named = [
        f"{words(key)} {training[key]}"
        for key in ("epochs", "batch_size", "learning_rate", "weight_decay")
        if key in training
    ]
    return f"Of the architecture named above. Settings: {', '.join(named)}." if named else BY_AUTHORS


def features(run: Run) -> str:
    return f"None selected: the image itself, {listed(run.dataset.channels)}."


def fitting(run: Run) -> str:
    if (run.experiment.get("training") or {}).get("validation_fraction", 1) == 0:
        return "The last epoch of each model, none chosen."
    return "The best epoch of each model on held-back training replicates; curves under Training."


def regularization(run: Run) -> str:
    training, augmentation = run.experiment.get("training") or {}, run.experiment.get("augmentation") or {}
    used = [f"weight decay {training['weight_decay']}"] if training.get("weight_decay") else []
    used += [f"early stopping after {training['patience']} epochs"] if training.get("patience") else []
    used += (
        [f"augmentation ({', '.join(words(key) for key, value in augmentation.items() if value)})"]
        if augmentation
        else []
    )
    return f"{'; '.join(used)}." if used else BY_AUTHORS


def interpretable(run: Run) -> str:
    judged = run.scorecard.judged
    if not run.scorecard.rows:
        return "No attribution was computed."
    names = listed(method_name(name) for name in run.scorecard.passing)
    if not judged:
        return "Attribution maps, not put to the test."
    names = names if run.scorecard.passing else "none"
    return f"Attribution maps by {counted(len(judged), 'method')}; passing their checks: {names}."


def evaluation(run: Run) -> str:
    test = run.metrics.get("test")
    held = f"; held-out test of {counted(test.get('n') or 0, 'nucleus', 'nuclei')}, evaluated once" if test else ""
    return f"Out-of-fold predictions of replicates that no model in question had seen{held}."


def measures(run: Run) -> str:
    return f"{', '.join(METRICS[name].split(' (')[0] for name in METRICS if name in run.metrics['metrics'])}."


def comparison(run: Run) -> str:
    audits, confounders = audits_of(run.metrics), confounder_score(run.metrics)
    if not audits:
        return f"Chance only. Other methods: {BY_AUTHORS}"
    cheap = f" (confounders: {confounders})" if confounders.value is not None else ""
    return f"Chance; {'; '.join(audit_title(audit) for audit in audits)}{cheap}. Other methods: {BY_AUTHORS}"


def certainty(run: Run) -> str:
    score = Interval.of(run.metrics["metrics"].get("balanced_accuracy"))
    return f"95 % intervals by a bootstrap over replicates; balanced accuracy {score}."


def environment(run: Run) -> str:
    pairs = ", ".join(f"{name} {number}" for name, number in versions(run.models).items())
    return f"{pairs}; every pin in requirements.txt and envs/."


def reproduce(run: Run) -> str:
    seed = run.config.get("seed")
    return f"snakemake results/experiments/{run.name}/report.html" + (f", seed {seed}." if seed is not None else ".")


def missing(run: Run) -> str:
    skipped = counted(run.excluded, "sample") + " skipped, since a file could not be read or a stage failed"
    return (
        f"{skipped}; localizations dropped by each filter are counted in qc/summary.tsv. Chosen by hand: {BY_AUTHORS}"
    )


def broken(run: Run) -> str:
    return (
        "An unreadable file stops the run, or its sample is skipped and named on this page, as is a sample that fails "
        "in a later stage; positions that are no numbers are dropped and counted."
    )


def hyperparameters(run: Run) -> str:
    if run.experiment.get("sweep"):
        return "Compared in a sweep; sweep.tsv has every run, and what choosing within each fold achieves."
    return f"Set in the config before training. Why so: {BY_AUTHORS}"


def legitimate(run: Run) -> str:
    share = run.experiment.get("intensity") == "share"
    seen = " The number of localizations is scaled out of the image." if share else ""
    return f"The image alone; no metadata enters.{seen} What counts and area alone achieve stands under Audits."


def tests(run: Run) -> str:
    p = (run.metrics.get("permutation") or {}).get("p")
    return "None." if p is None else f"Permutation of the labels, p = {number_text(p)}."


def beyond(run: Run) -> str:
    test = run.metrics.get("test")
    if not test:
        return f"None in this run: no samples of role test. Elsewhere: {BY_AUTHORS}"
    score = Interval.of((test.get("metrics") or {}).get("balanced_accuracy"))
    return f"Held-out test: balanced accuracy {score} on {counted(test.get('n') or 0, 'nucleus', 'nuclei')}."
