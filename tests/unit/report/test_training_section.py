"""What the report says of the trained models."""

import pandas as pd

from ainu.report.training import crops_seen, decision_by_view


def test_the_share_of_a_view_is_that_of_the_margins_whatever_their_sign(tmp_path):
    rows = pd.DataFrame({"nucleus": ["a/1", "b/1"], "margin_context": [-1.0, 0.0], "margin_detail": [3.0, 0.5]})
    rows.to_csv(tmp_path / "margins.tsv", sep="\t", index=False)
    sentence = decision_by_view(tmp_path / "margins.tsv")
    assert "the context 12 %" in sentence
    assert "the detail 88 %" in sentence


def test_of_one_view_nothing_is_said(tmp_path):
    pd.DataFrame({"nucleus": ["a/1"], "margin_image": [1.0]}).to_csv(tmp_path / "margins.tsv", sep="\t", index=False)
    assert decision_by_view(tmp_path / "margins.tsv") == ""
    assert decision_by_view(None) == ""


def test_crops_are_told_where_networks_see_them():
    views = {"detail": {"shape": [160, 160], "voxel_nm": 20.0}, "context": {"shape": [60, 60], "voxel_nm": 200.0}}
    assert "160 × 160 voxels of 20 nm" in crops_seen([{"views": views}])
    assert crops_seen([{"views": {"image": views["context"]}}]) == ""
    assert crops_seen([]) == ""
