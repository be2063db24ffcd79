"""Samples that nothing uses: no experiment trains on them, nobody predicts them, and the likely reason."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from ainu.settings.check import Settings
from ainu.settings.plan_predictions import PredictionPlan, channel_names
from ainu.settings.wording import did_you_mean, hidden, joined, nearest, numbered, visible


def unused_samples(plan: PredictionPlan) -> dict[str, str]:
    """Samples that no experiment trains on and nobody predicts.

    Parameters
    ----------
    plan : PredictionPlan
        Of the run.

    Returns
    -------
    dict of str to str
        The likely reason, by sample, in the order of the sheet.
    """
    used = {sample for name in plan.config.experiments for sample in plan.samples_of(name)}
    used |= {sample for name in plan.predicting for sample in plan.unseen_samples(name)}
    left = [sample for sample in dict.fromkeys(plan.settings.samples["sample"]) if sample not in used]
    return {sample: _reason(plan, sample) for sample in left}


def unused_lines(settings: Settings, unused: Mapping[str, str]) -> list[str]:
    """A line per sample that nothing uses, with its rows of the sheet.

    Parameters
    ----------
    settings : Settings
        Config and sheet, checked.
    unused : mapping of str to str
        As `unused_samples` gives it.

    Returns
    -------
    list of str
    """
    sheet, rows = settings.config.samples, settings.row_numbers
    return [f"{sheet}, {numbered(rows[sample])}: sample {sample!r}: {why}" for sample, why in unused.items()]


def _reason(plan: PredictionPlan, sample: str) -> str:
    label, role = (plan.settings.rows(sample)[0][key] for key in ("label", "role"))
    trained = [name for own in plan.config.experiments.values() for name in own.classes]
    predicted = [name for predictor in plan.predicting for name in plan.predictors[predictor].classes]
    if label and role == "train":
        others = "; packed models, which know it, predict only unlabelled samples and those of role test"
        return _unknown(label, "no experiment trains on", trained) + (others if label in predicted else "")
    if label and label not in predicted:
        others = "; experiments with a sweep, which know it, only compare their runs" if label in trained else ""
        return _unknown(label, "nobody predicts samples of role test with", predicted) + others
    return _lacking(plan, sample, label)


def _unknown(label: str, what: str, classes: Iterable[str]) -> str:
    """That a label is no class, with what it holds that cannot be seen and the class that is most alike."""
    bare, known = "".join(letter for letter in label if not hidden(letter)), list(dict.fromkeys(classes))
    strange = [letter for letter in label if _strange(letter, nearest(bare, known) or "")]
    codes = [f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip() for letter in dict.fromkeys(strange)]
    holds = f" (it holds {joined(codes)})" if codes else ""
    return f"{what} the label {visible(label)}{holds}; classes: {joined(known)}{did_you_mean(bare, known)}"


def _strange(letter: str, near: str) -> bool:
    """Whether a letter cannot be seen, or may be mistaken for one of the class that is meant."""
    return hidden(letter) or bool(near and not letter.isascii() and letter not in near)


def _lacking(plan: PredictionPlan, sample: str, label: str) -> str:
    """The channels that a sample lacks for whoever needs the fewest more."""
    there = {name for row in plan.settings.rows(sample) for name in channel_names(row)}
    fit = [name for name in plan.predicting if not label or label in plan.predictors[name].classes]
    if not fit:
        return "nobody predicts: experiments with a sweep only compare their runs"
    missing = {name: [own for own in plan.predictors[name].channels if own not in there] for name in fit}
    name = min(fit, key=lambda predictor: len(missing[predictor]))
    hint = did_you_mean(missing[name][0], sorted(there))
    return f"it lacks {joined(missing[name])}, which {name} needs; its channels: {joined(sorted(there))}{hint}"
