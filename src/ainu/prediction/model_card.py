"""The model card of a bundle: what the models are for, how accurate they are, and what is not guaranteed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ainu.intervals import Interval
from ainu.networks.seen import DETAIL, named
from ainu.prose import listed

MEASURES = {"balanced_accuracy": "Balanced accuracy", "auroc": "AUROC", "mcc": "Matthews correlation"}


def model_card(info: Mapping[str, Any]) -> str:
    """The card as Markdown, from `ainu-model.json` (Mitchell et al., Model Cards for Model Reporting, 2019)."""
    sections = (_purpose, _data, _performance, _sets, _out_of_distribution, _use)
    return "\n\n".join(["\n\n".join(section(info)) for section in sections]) + "\n"


def _purpose(info: Mapping[str, Any]) -> list[str]:
    classes, channels = listed(info["classes"]), listed(info["channels"])
    networks = named({view: own["network"] for view, own in info["views"].items()})
    return [
        f"# {info['experiment']}: {classes}",
        f"{len(info['models'])} models ({networks}), trained by ainu {info['versions']['ainu']}, that "
        f"distinguish nuclei of these classes by single-molecule localizations of {channels}. For research on cells "
        "prepared and imaged like the training data; not for diagnosis.",
        f"They see {listed(_seen(view, own) for view, own in info['views'].items())} of each nucleus.",
    ]


def _seen(view: str, own: Mapping[str, Any]) -> str:
    voxels = " x ".join(map(str, own["shape"]))
    return f"{'crops of the detail' if view == DETAIL else 'the ' + view} ({voxels} voxels of {own['voxel_nm']:g} nm)"


def _data(info: Mapping[str, Any]) -> list[str]:
    training, render = info["training"], info["render"]
    nuclei = ", ".join(f"{name}: {count}" for name, count in training["nuclei"].items())
    settings = ", ".join(f"{key}: {value}" for key, value in render.items() if value is not None)
    prepared = [
        f"- `{section}`: " + ", ".join(f"{key}: {_plain(value)}" for key, value in values.items())
        for section, values in info["prepared_with"].items()
    ]
    return [
        "## Trained on",
        f"Nuclei: {nuclei}. Independent replicates: {len(training['replicates'])}. Images: {settings}; "
        f"intensity: {info['intensity']}.",
        "Localizations were prepared with:",
        "\n".join(prepared),
    ]


def _performance(info: Mapping[str, Any]) -> list[str]:
    found = info["out_of_fold"]
    scores = [f"| {title} | {_score(found['metrics'].get(name))} |" for name, title in MEASURES.items()]
    baselines = [
        f"| {name} alone (baseline), balanced accuracy | {_score(values.get('balanced_accuracy'))} |"
        for name, values in found["baselines"].items()
    ]
    warnings = "\n".join(f"- {text}" for text in found["warnings"]) or "- none"
    return [
        "## Accuracy",
        f"Out of fold: {found['n']} nuclei of {found['replicates']} replicates, each predicted by networks "
        "trained without its replicate. Intervals: 95 %, bootstrap over replicates.",
        "\n".join(["| measure | value |", "| --- | --- |", *scores, *baselines]),
        "Warnings of the evaluation:",
        warnings,
    ]


def _sets(info: Mapping[str, Any]) -> list[str]:
    conformal = info["conformal"]
    each = ", ".join(f"{name}: {share:.0%}" for name, share in conformal["per_replicate"].items())
    return [
        "## Coverage of the prediction sets",
        _guarantee(conformal),
        "This holds for nuclei on average, not for a particular replicate or class, nor for the nuclei whose set holds "
        "one class. It holds only where new cells are *exchangeable* with the training data, as if drawn from the same "
        "population. With another microscope, dye, antibody, fixation, donor or cell type, sets may miss the true "
        "class far more often, and no number on this page says how often.",
        f"Coverage in each replicate when it was left out of the calibration: {each or 'not measured'}.",
        f"Probabilities were scaled with a temperature of {info['temperature']:.3g}, fitted to the out-of-fold "
        "predictions.",
    ]


def _guarantee(conformal: Mapping[str, Any]) -> str:
    share, n = f"{conformal['coverage']:.0%}", conformal["replicates"]
    if not conformal["threshold"]:
        return f"Every set holds all classes: predictions are too few or too poor to reach {share} with smaller sets."
    if conformal["holds_for_new_replicates"]:
        return f"The set of a nucleus of a new replicate holds its class in at least {share} of cases."
    return (
        f"The set of a further nucleus *of the same {n} replicates* holds its class in about {share} of cases. "
        f"{n} replicates are too few to guarantee that for a new one."
    )


def _out_of_distribution(info: Mapping[str, Any]) -> list[str]:
    ood = info["ood"]
    return [
        "## Out of distribution",
        f"`unlike_training` is True where `ood` is above {ood['threshold']:.3g}, which {1 - ood['quantile']:.0%} of "
        "the training nuclei are when held out. Such a nucleus has no class, however high a probability is. The flag "
        "can miss nuclei of another kind whose texture resembles one of the classes.",
    ]


def _use(info: Mapping[str, Any]) -> list[str]:
    render = ", ".join(f"{key}: {value}" for key, value in info["render"].items() if value is not None)
    config = [
        f"channels: [{', '.join(info['channels'])}]",
        "renders:",
        f"  as-trained: {{{render}}}",
        "predict:",
        "  models:",
        f"    {info['experiment']}: path/of/this/folder",
    ]
    return [
        "## Use",
        "In the config of ainu, beside `samples` (unlabelled rows are predicted):",
        "\n".join(["```yaml", *config, "```"]),
        f"`snakemake --cores all predict` writes `results/predictions/{info['experiment']}.tsv`. Files are checked "
        "against `SHA256SUMS` first.",
    ]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _score(metric: Mapping[str, Any] | None) -> str:
    return Interval.of(metric).text(3) if metric else "not measured"
