"""Columns of the event layers, by kind. The first ones are contract (design §3); more may follow.

Types are the names of Polars dtypes; contracts imports no frame library. Times are event time in
UTC with microseconds. Unknown is null, never 0.
"""

from __future__ import annotations

from typing import Final

KINDS: Final = ("network", "auth", "web", "dns")

_TIME: Final = "Datetime(us, UTC)"

RAW_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "network": {
        "event_id": "String",
        "timestamp": _TIME,
        "src_ip": "String",
        "src_port": "UInt16",
        "dst_ip": "String",
        "dst_port": "UInt16",
        "protocol": "String",
        "service": "String",
        "duration": "Float64",
        "bytes": "Int64",
        "bytes_sent": "Int64",
        "bytes_received": "Int64",
        "packets_sent": "Int64",
        "packets_received": "Int64",
        "conn_state": "String",
        "local_orig": "Boolean",
        "local_resp": "Boolean",
        "sensor": "String",
    },
    "auth": {
        "event_id": "String",
        "timestamp": _TIME,
        "user": "String",
        "src_ip": "String",
        "host": "String",
        "method": "String",
        "outcome": "String",
        "logon_type": "String",
        "reason": "String",
        "sensor": "String",
    },
    "web": {
        "event_id": "String",
        "timestamp": _TIME,
        "src_ip": "String",
        "user": "String",
        "method": "String",
        "path": "String",
        "status": "Int32",
        "bytes": "Int64",
        "user_agent": "String",
        "host": "String",
        "sensor": "String",
    },
    "dns": {
        "event_id": "String",
        "timestamp": _TIME,
        "src_ip": "String",
        "dst_ip": "String",
        "query": "String",
        "qtype": "String",
        "rcode": "String",
        "answers": "String",
        "sensor": "String",
    },
}
"""RAW columns of each kind, in order: name → dtype. ``bytes`` is sent + received, seconds for
``duration``; auth ``outcome`` is ``success`` or ``failure``."""

LABEL_COLUMN: Final = "label"
"""Ground truth where the input carries it (String, as written). Kept beside, never a feature."""
MALICIOUS_LABELS: Final = ("malicious", "attack", "1", "true")
"""Lower-cased labels that mean an attack; every other label, known or empty, means none."""

REJECTED_COLUMNS: Final = {"file": "String", "line": "Int64", "reason": "String", "text": "String"}
"""``line`` counts from 1 in the unpacked file; ``text`` is the start of the record."""

SEED_COLUMNS: Final = {
    "bytes_per_second": "Float32",
    "timestamp_hour": "UInt8",
    "flow_size_category": "String",
}
"""SILVER's derived columns of the seeds (network): small < 500 ≤ medium < 1500 ≤ large bytes;
null where bytes or duration are unknown or duration is 0."""
FLOW_SIZE_MEDIUM_BYTES: Final = 500
FLOW_SIZE_LARGE_BYTES: Final = 1500

SCORED_COLUMNS: Final = {
    "event_id": "String",
    "kind": "String",
    "timestamp": _TIME,
    "src_ip": "String",
    "dst_ip": "String",
    "user": "String",
    "src_port": "UInt16",
    "dst_port": "UInt16",
    "protocol": "String",
    "service": "String",
    "conn_state": "String",
    "bytes": "Int64",
    "host": "String",
    "outcome": "String",
    "label": "String",
    "anomaly_score": "Float64",
    "ml_score": "Float64",
    "severity": "String",
}
"""One row an event of any kind, most anomalous first; columns a kind lacks are null.
``anomaly_score``: the estimator's decision_function, lower is more anomalous. ``ml_score``: in
[0, 1], higher is more anomalous, from the calibrated tail probability of the event's key."""
SCORED_ROW_GROUP: Final = 20_000

ALERT_COLUMNS: Final = {
    "alert_id": "String",
    "incident_id": "String",
    "event_id": "String",
    "kind": "String",
    "timestamp": _TIME,
    "entity": "String",
    "technique": "String",
    "detector": "String",
    "anomaly_score": "Float64",
    "ml_score": "Float64",
    "severity": "String",
    "sentence": "String",
    "rank": "Int64",
    "incident_events": "Int64",
    "src_ip": "String",
    "dst_ip": "String",
    "dst_port": "UInt16",
    "protocol": "String",
    "user": "String",
    "host": "String",
    "label": "String",
}
"""One row an alert, by ``rank`` from 1. ``entity`` is the address or user the sentence is about;
``incident_events`` counts the incident's events above the threshold."""

EXPLANATION_COLUMNS: Final = {
    "alert_id": "String",
    "feature": "String",
    "value": "Float64",
    "usual": "Float64",
    "attribution": "Float64",
    "method": "String",
    "rank": "Int64",
}
"""All features of each alert. ``value`` and ``usual`` (the 90 % quantile of the reference rows) are
in the feature's natural unit (``contracts.features``); ``attribution`` is the SHAP value of
decision_function, negative pushes towards anomalous; ``rank`` 1 is the most negative."""

EVAL_COLUMNS: Final = {
    "metric": "String",
    "value": "Float64",
    "kind": "String",
    "model": "String",
    "split": "String",
}
"""Long table; a metric that could not be measured has a null value, never 0."""

KEY_COLUMNS: Final = {"key_id": "UInt64", "pair_id": "UInt64"}
"""Hashes that SILVER and the reference rows carry. ``key_id``: network (src_ip, dst_ip, protocol,
dst_port), auth (user, src_ip, host): a row carries the p of its key. ``pair_id``: network (src_ip,
dst_ip), auth (user, src_ip): the unit of cross-fitting."""

REFERENCE_COLUMNS: Final = {
    "event_id": "String",
    "day": "String",
    "today": "Boolean",
    **KEY_COLUMNS,
}
"""``reference_<kind>_<ts>.parquet``: these, then the kind's FEATURE_COLUMNS (Float32). ``day``:
UTC date of the row's day; ``today``: the run's own day, not history."""
