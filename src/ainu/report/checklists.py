"""Checklists of journals for studies with machine learning, answered from what the run recorded.

DOME: Walsh et al., Nature Methods 18, 1122 (2021). REFORMS: Kapoor et al., Science Advances 10, eadk3452 (2024). The
items are paraphrased here; their numbers are those of the two lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ainu.prose import listed
from ainu.report import checklist_answers
from ainu.report.checklist_answers import BY_AUTHORS
from ainu.report.facts import ExperimentFacts
from ainu.report.text import counted
from ainu.version import __version__


@dataclass(frozen=True)
class Item:
    """An item of a checklist: what it asks, and the answer."""

    section: str
    asks: str
    answer: str

    @property
    def open(self) -> bool:
        """Whether the authors have something to add."""
        return BY_AUTHORS in self.answer


@dataclass(frozen=True)
class Checklist:
    """A checklist, its items by section."""

    title: str
    sections: Mapping[str, Sequence[Item]]

    @property
    def size(self) -> int:
        """Number of items."""
        return sum(map(len, self.sections.values()))

    @property
    def answered(self) -> int:
        """Number of items to which the authors have nothing to add."""
        return sum(not item.open for items in self.sections.values() for item in items)


def filled_in(facts: ExperimentFacts) -> list[Checklist]:
    """Both checklists."""
    return [_checklist("DOME", dome(facts)), _checklist("REFORMS", reforms(facts))]


def _checklist(title: str, items: Sequence[Item]) -> Checklist:
    sections = dict.fromkeys(item.section for item in items)
    return Checklist(title, {name: [item for item in items if item.section == name] for name in sections})


def dome(facts: ExperimentFacts) -> list[Item]:
    """Data, optimization, model, evaluation."""
    return [
        Item("Data", "Where do the data come from, and how many are of each class?", checklist_answers.sizes(facts)),
        Item("Data", "How were they split?", checklist_answers.splits(facts)),
        Item("Data", "Can dependent nuclei be in both training and test?", checklist_answers.independence(facts)),
        Item("Data", "Are data and splits available?", f"Splits: folds.tsv beside this page. Data: {BY_AUTHORS}"),
        Item("Optimization", "Which algorithm?", checklist_answers.algorithm(facts)),
        Item("Optimization", "Does it use predictions of other models?", checklist_answers.initial(facts)),
        Item("Optimization", "How were data encoded?", checklist_answers.encoding(facts)),
        Item("Optimization", "How many parameters, and how chosen?", checklist_answers.parameters(facts)),
        Item("Optimization", "How many features, and were they selected?", checklist_answers.features(facts)),
        Item("Optimization", "How was over- or underfitting recognised?", checklist_answers.fitting(facts)),
        Item("Optimization", "What was done against overfitting?", checklist_answers.regularization(facts)),
        Item(
            "Optimization",
            "Are settings available?",
            "The config in this page's methods; model.json beside each model.",
        ),
        Item("Model", "Can it be interpreted?", checklist_answers.interpretable(facts)),
        Item(
            "Model",
            "What is its output?",
            f"A probability for each of {counted(len(facts.metrics['classes']), 'class', 'classes')}.",
        ),
        Item("Model", "How long does it run?", "Measured per job under results/benchmarks/."),
        Item(
            "Model",
            "Is it available?",
            f"Weights: model.safetensors of each model; packed by the rule `pack`. Deposited: {BY_AUTHORS}",
        ),
        Item("Evaluation", "How was it evaluated?", checklist_answers.evaluation(facts)),
        Item("Evaluation", "Which measures?", checklist_answers.measures(facts)),
        Item("Evaluation", "Compared with what?", checklist_answers.comparison(facts)),
        Item("Evaluation", "How certain are they?", checklist_answers.certainty(facts)),
        Item("Evaluation", "Are raw results available?", "predictions.tsv and metrics.json beside this page."),
    ]


def reforms(facts: ExperimentFacts) -> list[Item]:
    """Thirty-two items in eight modules."""
    return [
        Item("1 Goals", "1a Which population do the claims cover?", BY_AUTHORS),
        Item("1 Goals", "1b Why this population?", BY_AUTHORS),
        Item("1 Goals", "1c Why machine learning?", BY_AUTHORS),
        Item("2 Reproducibility", "2a Dataset", BY_AUTHORS),
        Item("2 Reproducibility", "2b Code", f"ainu {__version__}, and the config of this run."),
        Item("2 Reproducibility", "2c Environment", checklist_answers.environment(facts)),
        Item(
            "2 Reproducibility",
            "2d Documentation",
            "README.md and docs/ of ainu; settings: config/README.md.",
        ),
        Item("2 Reproducibility", "2e Script that reproduces the results", checklist_answers.reproduce(facts)),
        Item("3 Data", "3a Sources", BY_AUTHORS),
        Item("3 Data", "3b How were cells sampled?", BY_AUTHORS),
        Item("3 Data", "3c Why is this dataset fit for the question?", BY_AUTHORS),
        Item(
            "3 Data",
            "3d What is predicted?",
            f"The class in the sheet's column label: {listed(facts.metrics['classes'])}.",
        ),
        Item("3 Data", "3e How many?", checklist_answers.sizes(facts)),
        Item("3 Data", "3f What is missing?", checklist_answers.missing(facts)),
        Item("3 Data", "3g Is it representative?", BY_AUTHORS),
        Item("4 Preprocessing", "4a What was excluded?", checklist_answers.missing(facts)),
        Item("4 Preprocessing", "4b How were impossible or broken data treated?", checklist_answers.broken(facts)),
        Item("4 Preprocessing", "4c How were data transformed?", checklist_answers.encoding(facts)),
        Item("5 Modelling", "5a Which models?", checklist_answers.algorithm(facts)),
        Item("5 Modelling", "5b Why these?", BY_AUTHORS),
        Item("5 Modelling", "5c How was it evaluated?", checklist_answers.evaluation(facts)),
        Item("5 Modelling", "5d How was the model chosen?", checklist_answers.fitting(facts)),
        Item("5 Modelling", "5e How were settings chosen?", checklist_answers.hyperparameters(facts)),
        Item("5 Modelling", "5f Which baselines?", checklist_answers.comparison(facts)),
        Item("6 Leakage", "6a Are training and test separated throughout?", checklist_answers.splits(facts)),
        Item("6 Leakage", "6b Are dependent samples kept together?", checklist_answers.independence(facts)),
        Item("6 Leakage", "6c Is every input legitimate?", checklist_answers.legitimate(facts)),
        Item("7 Measures", "7a Which, and why?", checklist_answers.measures(facts)),
        Item("7 Measures", "7b Uncertainty", checklist_answers.certainty(facts)),
        Item("7 Measures", "7c Statistical tests", checklist_answers.tests(facts)),
        Item("8 Limits", "8a Evidence beyond these data", checklist_answers.beyond(facts)),
        Item("8 Limits", "8b Where are the results not expected to hold?", BY_AUTHORS),
    ]
