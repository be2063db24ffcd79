"""The page: what each section holds put together, rendered, and written."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ainu.figures import style as figures
from ainu.files import whole
from ainu.report import attribution, checklists, data, evaluation, nuclei, pictures, predictions
from ainu.report import checklist_answers as known
from ainu.report import methods_text as methods
from ainu.report import verdict as answer
from ainu.report.sources import Dataset, Inputs, read_dataset, read_json, read_new_predictions, read_predictions
from ainu.report.text import Interval, number_text

SECTIONS = {
    "data": "Data",
    "quality": "Quality",
    "splits": "Splits",
    "training": "Training",
    "evaluation": "Evaluation",
    "audits": "Audits",
    "attribution": "Attribution",
    "nuclei": "Nuclei",
    "predictions": "Predictions",
    "methods": "Methods",
    "checklists": "Checklists",
}
"""Sections below the answer, in the order of the page."""


def build(experiment: Mapping[str, Any], inputs: Inputs) -> str:
    """The report of an experiment as one HTML page.

    Parameters
    ----------
    experiment : mapping
        The experiment's entry of the config, defaults filled in.
    inputs : Inputs
        The files it made.

    Returns
    -------
    str
        HTML with everything embedded.

    Raises
    ------
    AinuError
        If a file is missing or cannot be understood.
    """
    metrics, dataset = read_json(inputs.metrics), read_dataset(inputs.dataset)
    scorecard, models = attribution.read_scorecard(inputs.scorecard), data.model_infos(inputs.models)
    map_methods = attribution.map_methods(inputs.maps, scorecard)
    content = {
        "name": inputs.name,
        "sections": SECTIONS,
        "metrics": metrics,
        "dataset": dataset,
        "methods_given": map_methods,
        "doi": methods.DOI,
        "versions": methods.versions(models),
        "methods": methods.paragraph(experiment, inputs.config, metrics, dataset, models, map_methods),
    }
    content |= _first_screen(inputs, metrics, dataset, scorecard)
    content |= _what_went_in(inputs, metrics, dataset, models)
    content |= _evaluation(inputs, metrics)
    content |= _attribution(inputs, metrics, dataset, scorecard, map_methods)
    content |= _nuclei(inputs, metrics, dataset, scorecard, map_methods)
    run = known.Run(
        inputs.name, experiment, inputs.config, metrics, dataset, models, scorecard, answer.count_skipped(inputs.qc)
    )
    content["checklists"] = checklists.filled_in(run)
    return _render(content)


def write(path: str | Path, html: str) -> None:
    """Write the page; the file appears under its name when it is whole."""
    with whole(path) as part:
        part.write_text(html, encoding="utf-8", newline="\n")


def _first_screen(
    inputs: Inputs, metrics: Mapping[str, Any], dataset: Dataset, scorecard: attribution.Scorecard
) -> dict[str, Any]:
    new = read_new_predictions(inputs.new_predictions, metrics["classes"])
    return {
        "warnings": answer.warnings(metrics, inputs.qc, scorecard, new),
        "verdict": answer.verdict(metrics),
        "score": Interval.of(metrics["metrics"].get("balanced_accuracy")),
        "auroc": Interval.of(metrics["metrics"].get("auroc")),
        "confounders": answer.confounder_score(metrics),
        "confounder_title": answer.confounder_title(metrics),
        "chance": 1 / len(metrics["classes"]),
        "n_replicates": dataset.table["replicate"].nunique(),
        "bars": answer.bars(metrics),
        "checks": answer.checks(metrics, dataset, inputs.folds is not None, scorecard),
        "new": predictions.new_samples(new, metrics["classes"]),
    }


def _what_went_in(
    inputs: Inputs, metrics: Mapping[str, Any], dataset: Dataset, models: list[dict[str, Any]]
) -> dict[str, Any]:
    drawn = [path for path in inputs.figures if Path(path).stem in pictures.TRAINING]
    return {
        "data": data.data_tables(dataset, metrics["classes"]),
        "quality": data.quality_tables(inputs.qc, dataset),
        "flags": data.flag_sentence(inputs.qc, dataset),
        "splits": data.split_table(inputs.folds),
        "leaks": data.leak_sentence(inputs.leakage),
        "models": data.model_table(models),
        "training": pictures.embedded(drawn, pictures.TRAINING),
        "validation": data.best_validation(inputs.models),
    }


def _evaluation(inputs: Inputs, metrics: Mapping[str, Any]) -> dict[str, Any]:
    drawn = [path for path in inputs.figures if Path(path).stem not in pictures.TRAINING]
    return {
        "scores": evaluation.score_table(metrics),
        "evaluation": pictures.embedded(drawn, pictures.EVALUATION),
        "groups": evaluation.group_tables(metrics),
        "courses": evaluation.course_tables(metrics),
        "test": evaluation.test_result(metrics),
        "audits": evaluation.audit_list(metrics),
        "audit_table": evaluation.audit_table(metrics),
        "permutation": evaluation.permutation_sentence(metrics),
    }


def _attribution(
    inputs: Inputs,
    metrics: Mapping[str, Any],
    dataset: Dataset,
    scorecard: attribution.Scorecard,
    map_methods: tuple[str, ...],
) -> dict[str, Any]:
    drawn = [path for path in inputs.attribution_figures if Path(path).stem not in pictures.DRAWN_HERE]
    return {
        "scorecard": attribution.scorecard_tables(scorecard),
        "believable": attribution.verdict_sentence(scorecard),
        "badges": {method: scorecard.badge(method) for method in map_methods},
        "class_means": attribution.class_means(inputs.maps, map_methods, dataset, metrics["classes"], scorecard),
        "attribution_figures": pictures.embedded(drawn, pictures.ATTRIBUTION),
        "compartments": attribution.compartment_table(inputs.compartments),
        "gathering": attribution.gathering_sentence(inputs.gathering),
        "truth": attribution.truth(inputs.truth, dataset.channels, scorecard),
    }


def _nuclei(
    inputs: Inputs,
    metrics: Mapping[str, Any],
    dataset: Dataset,
    scorecard: attribution.Scorecard,
    map_methods: tuple[str, ...],
) -> dict[str, Any]:
    predicted = read_predictions(inputs.predictions, metrics["classes"])
    shown = nuclei.nuclei_of(predicted, metrics["classes"], dataset, inputs, map_methods)
    length = figures.scale_bar_nm(dataset.width_nm)
    return {
        "nuclei": shown.nuclei,
        "methods_drawn": shown.methods,
        "n_nuclei": len(predicted),
        "gallery": nuclei.gallery(shown.nuclei, metrics["classes"]),
        "bar": {"percent": 100 * length / dataset.width_nm, "text": figures.length_text(length)},
        "predictions": predictions.prediction_table(predicted, metrics["classes"], shown.nuclei),
    }


def _render(content: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("ainu.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number_text, "method": figures.method_name}
    assert environment.loader is not None
    style, script = (environment.loader.get_source(environment, f"page.{kind}")[0] for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template("page.html.j2")
    return page.render(content, style=Markup(style), script=Markup(script), script_digest=digest)
