"""The page: the contents of all sections, rendered and written."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ainu.figures.names import method_name
from ainu.figures.scale_bar import length_text, scale_bar_nm
from ainu.files import whole
from ainu.intervals import Interval
from ainu.report import (
    attribution,
    audits,
    captions,
    checklists,
    data,
    evaluation,
    folds,
    methods_text,
    nuclei,
    pictures,
    predictions,
    quality,
    training,
    verdict,
)
from ainu.report.facts import ExperimentFacts, read_facts
from ainu.report.settings import ReportedExperiment, ReportSettings
from ainu.report.sources import ReportSources, read_new_predictions, read_predictions
from ainu.report.text import number_text

LOADED_AT_RUN_TIME = ("templates/*",)

SECTIONS = {
    "data": "Data",
    "quality": "Quality",
    "folds": "Folds",
    "training": "Training",
    "evaluation": "Evaluation",
    "audits": "Audits",
    "attribution": "Attribution",
    "nuclei": "Nuclei",
    "predictions": "Predictions",
    "methods": "Methods",
    "checklists": "Checklists",
}
"""Sections below the verdict, in the order of the page; each has a template of its name."""


def build(experiment: ReportedExperiment, settings: ReportSettings, sources: ReportSources) -> str:
    """The report of an experiment as one HTML page.

    Parameters
    ----------
    experiment : ReportedExperiment
        Settings of the experiment.
    settings : ReportSettings
        Settings of the run.
    sources : ReportSources
        The files it made. A file that is missing or cannot be understood is an `AinuError`.

    Returns
    -------
    str
        HTML with everything embedded.
    """
    facts = read_facts(experiment, settings, sources)
    content = {
        "name": facts.name,
        "sections": SECTIONS,
        "metrics": facts.metrics,
        "dataset": facts.dataset,
        "methods_given": facts.map_methods,
        "doi": methods_text.DOI,
        "versions": methods_text.versions(facts.models),
        "methods": methods_text.paragraphs(facts),
        "checklists": checklists.filled_in(facts),
    }
    content |= _verdict(sources, facts)
    content |= _data_to_training(sources, facts)
    content |= _evaluation_and_audits(sources, facts)
    content |= _attribution(sources, facts)
    content |= _nuclei_and_predictions(sources, facts)
    return _render(content)


def write(path: str | Path, html: str) -> None:
    """Write the page; the file appears under its name when it is whole."""
    with whole(path) as part:
        part.write_text(html, encoding="utf-8", newline="\n")


def _verdict(sources: ReportSources, facts: ExperimentFacts) -> dict[str, Any]:
    metrics = facts.metrics
    new = read_new_predictions(sources.new_predictions, metrics["classes"])
    return {
        "warnings": verdict.warnings(metrics, sources.qc, facts.scorecard, new),
        "verdict": verdict.verdict(metrics),
        "resolution": (metrics.get("resolution") or {}).get("says", ""),
        "score": Interval.of(metrics["metrics"].get("balanced_accuracy")),
        "auroc": Interval.of(metrics["metrics"].get("auroc")),
        "confounders": verdict.confounder_score(metrics),
        "confounder_title": verdict.confounder_title(metrics),
        "chance": verdict.chance_level(metrics),
        "n_replicates": facts.n_replicates,
        "bars": verdict.bars(metrics),
        "checks": verdict.checks(metrics, facts.dataset, sources.folds is not None, facts.scorecard),
        "new": predictions.new_samples(new, metrics["classes"]),
    }


def _data_to_training(sources: ReportSources, facts: ExperimentFacts) -> dict[str, Any]:
    drawn = [path for path in sources.figures if path.stem in captions.TRAINING]
    return {
        "data": data.data_tables(facts.dataset, facts.metrics["classes"]),
        "quality": quality.quality_tables(sources.qc, facts.dataset),
        "unused": quality.unused_table(sources.qc),
        "flags": quality.flag_sentence(sources.qc, facts.dataset),
        "folds": folds.fold_table(sources.folds),
        "duplicates": folds.duplicates_sentence(sources.leakage),
        "crops": training.crops_seen(facts.models),
        "models": training.model_table(facts.models),
        "training": pictures.embedded(drawn, captions.TRAINING),
        "validation": training.best_validation(sources.models),
        "decision": training.decision_by_view(sources.margins),
    }


def _evaluation_and_audits(sources: ReportSources, facts: ExperimentFacts) -> dict[str, Any]:
    metrics = facts.metrics
    drawn = [path for path in sources.figures if path.stem not in captions.TRAINING]
    return {
        "scores": evaluation.score_table(metrics),
        "evaluation": pictures.embedded(drawn, captions.EVALUATION),
        "groups": evaluation.group_tables(metrics),
        "curves": evaluation.curve_tables(metrics),
        "test": evaluation.test_result(metrics),
        "audits": audits.audit_list(metrics),
        "audit_table": audits.audit_table(metrics),
        "permutation": audits.permutation_sentence(metrics),
    }


def _attribution(sources: ReportSources, facts: ExperimentFacts) -> dict[str, Any]:
    scorecard = facts.scorecard
    drawn = [path for path in sources.attribution_figures if path.stem not in captions.DRAWN_BY_THE_PAGE]
    return {
        "scorecard": attribution.scorecard_tables(scorecard),
        "methods_verdict": attribution.checks_sentence(scorecard),
        "badges": {method: scorecard.badge(method) for method in facts.map_methods},
        "class_means": attribution.class_means(
            sources.maps, facts.map_methods, facts.dataset, facts.metrics["classes"], scorecard
        ),
        "class_means_caption": captions.DRAWN_BY_THE_PAGE["class_means"],
        "attribution_figures": pictures.embedded(drawn, captions.ATTRIBUTION),
        "compartments": attribution.compartment_table(sources.compartments),
        "clustering": attribution.clustering_sentence(sources.gathering),
        "truth": attribution.ground_truth(sources.truth, facts.dataset.channels, scorecard),
    }


def _nuclei_and_predictions(sources: ReportSources, facts: ExperimentFacts) -> dict[str, Any]:
    classes, width_nm = facts.metrics["classes"], facts.dataset.width_nm
    predicted = read_predictions(sources.predictions, classes)
    shown = nuclei.drawn_nuclei(predicted, classes, facts.dataset, sources, facts.map_methods)
    bar_nm = scale_bar_nm(width_nm)
    return {
        "nuclei": shown.nuclei,
        "methods_drawn": shown.methods,
        "n_nuclei": len(predicted),
        "gallery": nuclei.gallery(shown.nuclei, classes),
        "bar": {"percent": 100 * bar_nm / width_nm, "text": length_text(bar_nm)},
        "predictions": predictions.prediction_table(predicted, classes, shown.nuclei),
    }


def _render(content: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("ainu.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number_text, "method": method_name}
    assert environment.loader is not None
    css, script = (environment.loader.get_source(environment, f"page.{kind}")[0] for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template("page.html.j2")
    return page.render(content, style=Markup(css), script=Markup(script), script_digest=digest)
