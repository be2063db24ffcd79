"""What a journal asks of a study with machine learning, answered from the run where the run knows.

DOME: Walsh et al., Nature Methods 18, 1122 (2021). REFORMS: Kapoor et al., Science Advances 10, eadk3452 (2024). The
items stand here in words of our own; their numbers are those of the two lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ainu.report import checklist_answers as known
from ainu.report.checklist_answers import BY_AUTHORS, Run
from ainu.report.text import counted, listed
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
        return sum(map(len, self.sections.values()))

    @property
    def answered(self) -> int:
        return sum(not item.open for items in self.sections.values() for item in items)


def filled_in(run: Run) -> list[Checklist]:
    """Both checklists."""
    return [_checklist("DOME", dome(run)), _checklist("REFORMS", reforms(run))]


def _checklist(title: str, items: Sequence[Item]) -> Checklist:
    sections = dict.fromkeys(item.section for item in items)
    return Checklist(title, {name: [item for item in items if item.section == name] for name in sections})


def dome(run: Run) -> list[Item]:
    """Data, optimization, model, evaluation."""
    return [
        Item("Data", "Where do the data come from, and how many are of each class?", known.sizes(run)),
        Item("Data", "How were they split?", known.splits(run)),
        Item("Data", "Can a nucleus, or its like, be in training and test?", known.independence(run)),
        Item("Data", "Are data and splits available?", f"Splits: folds.tsv beside this page. Data: {BY_AUTHORS}"),
        Item("Optimization", "Which algorithm?", known.algorithm(run)),
        Item("Optimization", "Does it use predictions of other models?", known.initial(run)),
        Item("Optimization", "How were data encoded?", known.encoding(run)),
        Item("Optimization", "How many parameters, and how chosen?", known.parameters(run)),
        Item("Optimization", "How many features, and were they selected?", known.features(run)),
        Item("Optimization", "Over- or under-fitting, and how it was told?", known.fitting(run)),
        Item("Optimization", "What keeps it from overfitting?", known.regularization(run)),
        Item(
            "Optimization",
            "Are settings available?",
            "The config in this page's methods; model.json beside each model.",
        ),
        Item("Model", "Can it be interpreted?", known.interpretable(run)),
        Item(
            "Model",
            "What does it put out?",
            f"A probability for each of {counted(len(run.metrics['classes']), 'class', 'classes')}.",
        ),
        Item("Model", "How long does it run?", "Measured per job under results/benchmarks/."),
        Item(
            "Model",
            "Is it available?",
            f"Weights: model.safetensors of each model; packed by the rule pack. Deposited: {BY_AUTHORS}",
        ),
        Item("Evaluation", "How was it evaluated?", known.evaluation(run)),
        Item("Evaluation", "Which measures?", known.measures(run)),
        Item("Evaluation", "Compared with what?", known.comparison(run)),
        Item("Evaluation", "How certain are they?", known.certainty(run)),
        Item("Evaluation", "Are raw results available?", "predictions.tsv and metrics.json beside this page."),
    ]


def reforms(run: Run) -> list[Item]:
    """Thirty-two items in eight modules."""
    return [
        Item("1 Goals", "1a Which population do the claims cover?", BY_AUTHORS),
        Item("1 Goals", "1b Why this population?", BY_AUTHORS),
        Item("1 Goals", "1c Why machine learning?", BY_AUTHORS),
        Item("2 Reproducibility", "2a Dataset", BY_AUTHORS),
        Item("2 Reproducibility", "2b Code", f"ainu {__version__}, and the config of this run."),
        Item("2 Reproducibility", "2c Environment", known.environment(run)),
        Item(
            "2 Reproducibility", "2d Documentation", "README.md and docs/ of ainu; config/README.md has every setting."
        ),
        Item("2 Reproducibility", "2e Script that reproduces the results", known.reproduce(run)),
        Item("3 Data", "3a Sources", BY_AUTHORS),
        Item("3 Data", "3b How were cells sampled?", BY_AUTHORS),
        Item("3 Data", "3c Why is this dataset fit for the question?", BY_AUTHORS),
        Item(
            "3 Data",
            "3d What is predicted?",
            f"The class in the sheet's column label: {listed(run.metrics['classes'])}.",
        ),
        Item("3 Data", "3e How many?", known.sizes(run)),
        Item("3 Data", "3f What is missing?", known.missing(run)),
        Item("3 Data", "3g Is it representative?", BY_AUTHORS),
        Item("4 Preprocessing", "4a What was excluded?", known.missing(run)),
        Item("4 Preprocessing", "4b How were impossible or broken data treated?", known.broken(run)),
        Item("4 Preprocessing", "4c How were data transformed?", known.encoding(run)),
        Item("5 Modelling", "5a Which models?", known.algorithm(run)),
        Item("5 Modelling", "5b Why these?", BY_AUTHORS),
        Item("5 Modelling", "5c How was it evaluated?", known.evaluation(run)),
        Item("5 Modelling", "5d How was the model chosen?", known.fitting(run)),
        Item("5 Modelling", "5e How were settings chosen?", known.hyperparameters(run)),
        Item("5 Modelling", "5f Which baselines?", known.comparison(run)),
        Item("6 Leakage", "6a Are training and test apart throughout?", known.splits(run)),
        Item("6 Leakage", "6b Are dependent samples kept together?", known.independence(run)),
        Item("6 Leakage", "6c Is every input legitimate?", known.legitimate(run)),
        Item("7 Measures", "7a Which, and why?", known.measures(run)),
        Item("7 Measures", "7b Uncertainty", known.certainty(run)),
        Item("7 Measures", "7c Statistical tests", known.tests(run)),
        Item("8 Limits", "8a Evidence beyond these data", known.beyond(run)),
        Item("8 Limits", "8b Where is it not expected to hold?", BY_AUTHORS),
    ]
