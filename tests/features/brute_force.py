"""The network features by definition, one flow at a time: slow, obvious, independent."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

import numpy as np

Flow = dict[str, Any]
FAILED = {"S0", "REJ", "RSTOS0", "SH"}
WINDOW_SECONDS = 900


def one_way(f: Flow) -> bool:
    address = ip_address(f["dst_ip"])
    return address.is_multicast or f["dst_ip"].endswith(".255")


def failed(f: Flow) -> bool:
    return not one_way(f) and (f["conn_state"] in FAILED or f["packets_received"] == 0)


def port(f: Flow) -> tuple[str, int]:
    return f["protocol"], f["dst_port"]


def service(f: Flow) -> str:
    return (f["service"] or "").split(",")[0]


def window(f: Flow) -> int:
    return int(f["timestamp"].timestamp() // WINDOW_SECONDS)


def pair(f: Flow) -> tuple[str, str]:
    return f["src_ip"], f["dst_ip"]


def key(f: Flow) -> tuple[Hashable, ...]:
    return (*pair(f), *port(f))


def grouped(flows: Iterable[Flow], by: Callable[[Flow], Hashable]) -> dict[Hashable, list[Flow]]:
    groups: dict[Hashable, list[Flow]] = defaultdict(list)
    for f in flows:
        groups[by(f)].append(f)
    return groups


def distinct(flows: Iterable[Flow], what: Callable[[Flow], Hashable]) -> float:
    return math.log1p(len({what(f) for f in flows}))


def rarity(
    f: Flow, everything: list[Flow], context: list[Flow], category: Callable[[Flow], Hashable]
) -> float:
    """−ln share of the context's other pairs that show the flow's category."""
    pairs = {pair(c) for c in context}
    cells = {(pair(c), category(c)) for c in context}
    votes = sum(1 for p, c in cells if c == category(f) and p != pair(f))
    seen = len({c for _, c in cells})
    out_of = len(pairs) - (pair(f) in pairs) + 0.5 * (seen + 1)
    return -math.log((votes + 0.5) / out_of)


def is_rare(f: Flow, everything: list[Flow], context: list[Flow]) -> bool:
    pairs = len({pair(c) for c in context})
    seen = len({(port(c), service(c)) for c in context})
    limit = (max(1.0, 0.01 * pairs) + 0.5) / (pairs + 0.5 * (seen + 1))
    return (
        rarity(f, everything, context, lambda x: (port(x), service(x))) >= -math.log(limit) - 1e-9
    )


def rhythm(flows: list[Flow]) -> tuple[float, float, float, float]:
    """gap regularity, gap symmetry, size regularity, steadiness."""
    if len(flows) < 8:
        return 0.0, 0.0, 0.0, -3.0
    times = sorted(f["timestamp"].timestamp() for f in flows)
    gaps = [b - a for a, b in pairwise(times)]
    low, middle, high = (float(np.quantile(gaps, q)) for q in (0.25, 0.5, 0.75))

    def regularity(values: list[float]) -> float:
        m = statistics.median(values)
        return 1 - min(1.0, statistics.median(abs(v - m) for v in values) / (m + 1e-9))

    symmetry = 1 - min(1.0, abs((high + low - 2 * middle) / (high - low + 1e-9)))
    cv = statistics.stdev(gaps) / (statistics.mean(gaps) + 1e-9)
    sizes = [float(f["bytes_sent"] or 0) for f in flows]
    return regularity(gaps), symmetry, regularity(sizes), -math.log(cv + 0.01)


def features_of(flows: list[Flow], context: list[Flow]) -> list[dict[str, float]]:
    """All network features of every flow of a day, given the reference flows of the context."""
    sent = {id(f): math.log1p(f["bytes_sent"] or 0) for f in (*flows, *context)}
    keys = grouped(flows, key)
    src, dst = grouped(flows, lambda f: f["src_ip"]), grouped(flows, lambda f: f["dst_ip"])
    src_w = grouped(flows, lambda f: (f["src_ip"], window(f)))
    dst_w = grouped(flows, lambda f: (f["dst_ip"], window(f)))
    by_service = grouped(context, lambda f: (f["protocol"], service(f)))
    fan = grouped(context, lambda f: (f["src_ip"], port(f), window(f)))
    usual_fan: dict[Hashable, list[float]] = defaultdict(list)
    for (_, p, _), members in fan.items():
        usual_fan[p].append(distinct(members, lambda x: x["dst_ip"]))
    rare = {id(f): is_rare(f, flows, context) for f in flows}
    sources = len(src)
    target = lambda x: (x["dst_ip"], port(x))  # noqa: E731

    def share(members: list[Flow]) -> float:
        return sum(map(failed, members)) / len(members)

    def log_bytes(members: list[Flow], side: str) -> float:
        return math.log1p(sum(m[side] or 0 for m in members))

    result = []
    for f in flows:
        mine, w = keys[key(f)], window(f)
        of_src, of_dst = src[f["src_ip"]], dst[f["dst_ip"]]
        in_src_w, in_dst_w = src_w[f["src_ip"], w], dst_w[f["dst_ip"], w]
        gap_regularity, symmetry, sizes, steadiness = rhythm(mine)
        bad, odd = failed(f), rare[id(f)]

        def gated(
            gate: bool,
            members: list[Flow],
            keep: Callable[[Flow], bool],
            what: Callable[[Flow], Hashable],
        ) -> float:
            return distinct(filter(keep, members), what) if gate else 0.0

        volume = by_service[f["protocol"], service(f)]
        logs = [sent[id(c)] for c in (volume if len(volume) >= 20 else context)]
        center = statistics.median(logs)
        spread = statistics.median(abs(v - center) for v in logs)
        z = (sent[id(f)] - center) / (1.4826 * spread + 0.25)
        windows = grouped(of_src, window).values()
        usual_sent = statistics.median(log_bytes(members, "bytes_sent") for members in windows)
        peers = distinct(
            [m for m in in_src_w if port(m) == port(f)],
            lambda x: x["dst_ip"],
        )
        fans = sorted(usual_fan.get(port(f), []))
        visitors = {m["src_ip"] for m in of_dst}
        same_port = {m["src_ip"] for m in flows if port(m) == port(f)}
        odd_failed = lambda m: rare[id(m)] and failed(m)  # noqa: E731
        result.append(
            {
                "conn_failed_share": share(mine),
                "dst_day_failed_share": share(of_dst),
                "dst_window_failed_share": share(in_dst_w),
                "conn_failed_flows": math.log1p(sum(map(failed, mine))),
                "dst_window_failed_flows": math.log1p(sum(map(failed, in_dst_w))),
                "src_window_failed_targets": gated(bad, in_src_w, failed, target),
                "src_day_failed_targets": gated(bad, of_src, failed, target),
                "src_window_failed_ports": gated(bad, in_src_w, failed, port),
                "src_day_failed_ports": gated(bad, of_src, failed, port),
                "src_day_failed_rare_targets": gated(bad and odd, of_src, odd_failed, target),
                "src_window_rare_targets": gated(odd, in_src_w, lambda m: rare[id(m)], target),
                "src_window_port_peers_excess": peers
                - (fans[round(0.9 * (len(fans) - 1))] if fans else math.log(2)),
                "dst_window_failed_sources": gated(bad, in_dst_w, failed, lambda x: x["src_ip"]),
                "dst_day_failed_sources": gated(bad, of_dst, failed, lambda x: x["src_ip"]),
                "dst_window_failed_ports": gated(bad, in_dst_w, failed, port),
                "dst_day_failed_ports": gated(bad, of_dst, failed, port),
                "dst_day_ports": distinct(of_dst, port),
                "dst_window_ports": distinct(in_dst_w, port),
                "port_rarity": rarity(f, flows, context, port),
                "service_rarity": rarity(f, flows, context, lambda x: (port(x), service(x))),
                "service_state_rarity": rarity(
                    f, flows, context, lambda x: (x["protocol"], service(x), x["conn_state"])
                ),
                "state_rarity": rarity(
                    f, flows, context, lambda x: (x["protocol"], x["conn_state"])
                ),
                "port_source_rarity": -math.log((len(same_port) - 0.5) / (sources + 0.5)),
                "beacon_score": (gap_regularity + symmetry + sizes) / 3 * math.log1p(len(mine))
                if len(mine) >= 8
                else 0.0,
                "gap_symmetry": symmetry,
                "gap_steadiness": steadiness,
                "gap_regularity": gap_regularity,
                "conn_upload_ratio": log_bytes(mine, "bytes_sent")
                - log_bytes(mine, "bytes_received"),
                "conn_bytes_out": log_bytes(mine, "bytes_sent"),
                "flow_upload_ratio": sent[id(f)] - math.log1p(f["bytes_received"] or 0),
                "flow_bytes_out_z": max(-20.0, min(20.0, z)),
                "src_window_bytes_out_excess": log_bytes(in_src_w, "bytes_sent") - usual_sent,
                "conn_flow_rate": math.log1p(len(mine) / len({window(m) for m in mine})),
                "dst_window_flows": math.log1p(len(in_dst_w)),
                "conn_flows": math.log1p(len(mine)),
                "dst_source_rarity": -math.log((len(visitors) - 0.5) / (sources + 0.5)),
            }
        )
    return result
