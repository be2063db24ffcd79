"""Content of `metrics.json`, and its warnings."""

import numpy as np
import pandas as pd
from audited import CLASSES, informative, predictions

from ainu.evaluation.metrics import evaluate, unseen_batches
from ainu.prediction.table import pooled


def test_metrics_are_whole_and_reproducible():
    table = predictions(*informative())
    found = evaluate(table, CLASSES, seed=1)
    assert found == evaluate(table, CLASSES, seed=1)
    assert found["n"] == 120
    assert sum(map(sum, found["confusion"])) == 120
    assert sum(row["n"] for row in found["per_replicate"]) == sum(row["n"] for row in found["per_fold"]) == 120
    assert [row["n"] for row in found["per_class"]] == [sum(row) for row in found["confusion"]]
    assert found["metrics"]["auroc"]["value"] > 0.95
    assert found["warnings"] == []


def test_recall_and_precision_of_a_class_follow_from_the_confusion_matrix():
    found = evaluate(predictions(*informative()), CLASSES, seed=1)
    matrix = np.array(found["confusion"])
    for k, row in enumerate(found["per_class"]):
        assert np.isclose(row["recall"]["value"], matrix[k, k] / matrix[k].sum())
        assert np.isclose(row["precision"]["value"], matrix[k, k] / matrix[:, k].sum())
        assert row["f1"]["ci"][0] <= row["f1"]["value"] <= row["f1"]["ci"][1]


def test_chance_level_gives_a_warning():
    found = evaluate(predictions(*informative(strength=0)), CLASSES, seed=1)
    assert any("includes chance level" in text for text in found["warnings"])


def test_a_batch_that_lies_in_one_fold_gives_a_warning():
    nuclei = pd.DataFrame({"nucleus": list("abcdef"), "label": list("xxxxyy")})
    folds = pd.DataFrame({"nucleus": list("abcdef"), "repeat": 0, "fold": [0, 1, 1, 1, 0, 1]})
    assert unseen_batches(nuclei, folds) == []
    assert unseen_batches(nuclei.assign(batch=["mon", "mon", "tue", "tue", "mon", "mon"]), folds) == [
        "All nuclei of class x in batch tue were tested by networks trained without this batch; with more replicates "
        "it would be spread over the folds."
    ]
    assert len(unseen_batches(nuclei.assign(batch=["mon", "mon", "tue", "mon", "", "mon"]), folds.assign(fold=0))) == 2
    spread = folds.assign(fold=[0, 1, 0, 1, 0, 1])
    assert unseen_batches(nuclei.assign(batch=["mon", "tue", "tue", "mon", "", "mon"]), spread) == []


def test_labels_that_follow_replicates_give_a_warning():
    found = evaluate(predictions(*informative(follow=True)), CLASSES, seed=1)
    assert any("Every replicate has one class only" in text for text in found["warnings"])


def test_repeats_are_averaged_per_nucleus():
    table = pd.DataFrame(
        {"nucleus": ["a", "b", "a", "b"], "sample": "s", "replicate": "r", "label": "dim", "p_dim": [1, 0, 0.5, 0]}
    ).assign(p_bright=lambda t: 1 - t["p_dim"])
    rows, values = pooled(table, ["dim", "bright"])
    assert rows["nucleus"].tolist() == ["a", "b"]
    assert values[:, 0].tolist() == [0.75, 0]
