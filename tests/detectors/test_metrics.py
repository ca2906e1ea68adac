"""Metrics equal scikit-learn's, ties included, and are None where there is nothing to measure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from tasks.detectors.metrics import alert_metrics, ranking_metrics, share_true

ROWS = st.lists(st.tuples(st.integers(-6, 6), st.booleans()), min_size=2, max_size=120).filter(
    lambda rows: len({attack for _, attack in rows}) == 2
)


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_ranking_metrics_equal_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    decision = np.array([score / 7 for score, _ in rows])
    attack = np.array([truth for _, truth in rows])
    mine = ranking_metrics(decision, attack)
    fallout, recall, _ = oracle.roc_curve(attack, -decision, drop_intermediate=False)
    assert mine["auc"] == pytest.approx(oracle.roc_auc_score(attack, -decision))
    expected = oracle.average_precision_score(attack, -decision)
    assert mine["average_precision"] == pytest.approx(expected)
    assert mine["recall_at_1pct_fpr"] == pytest.approx(recall[fallout <= 0.01].max())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_alert_metrics_equal_scikit_learn(rows: list[tuple[bool, bool]]) -> None:
    alerted, attack = (np.array(column) for column in zip(*rows, strict=True))
    mine = alert_metrics(alerted, attack)
    if alerted.any():
        assert mine["precision"] == pytest.approx(oracle.precision_score(attack, alerted))
    if attack.any():
        assert mine["recall"] == pytest.approx(oracle.recall_score(attack, alerted))
    if alerted.any() and attack.any():
        assert mine["f1"] == pytest.approx(oracle.f1_score(attack, alerted))


def test_what_cannot_be_measured_is_none() -> None:
    none, some = np.zeros(4, dtype=bool), np.array([True, False, False, False])
    assert alert_metrics(none, some) == {"precision": None, "recall": 0.0, "f1": None}
    assert alert_metrics(some, none) == {"precision": 0.0, "recall": None, "f1": None}
    assert set(ranking_metrics(np.arange(4.0), none).values()) == {None}
    assert share_true(np.array([], dtype=bool)) is None
