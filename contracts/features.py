"""The features: one definition of each, for training, scoring, explaining and the app.

Every feature reads one way: higher is more suspicious. Values are stored on the scale named here
(most counts as ``ln(1 + x)``, so that a tree's thresholds spread over orders of magnitude);
``natural`` gives back the number a person reads.

Words used below. A flow *failed* when its state is S0, REJ, RSTOS0 or SH, or the responder sent no
packet, and somebody could have answered (no multicast or broadcast destination); it *completed*
when it did not fail and both sides sent bytes. A *connection* is all flows
of one (source, destination, protocol, destination port) of the day. A *window* is
``window_minutes`` of event time, aligned to the UTC day. *Rare* is a service (protocol, port and
application) seen on at most 1 % of the context's (source, destination) pairs, or on one.
Source of the network families: the measured recipe in docs/decisions.md ("What counts as normal").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Scale = Literal["log1p", "linear", "surprisal", "log_ratio"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of one kind of event.

    ``template`` is the sentence of an alert that this feature explains best. Its fields: ``src``,
    ``dst``, ``port`` (``443/tcp``), ``user``, ``host``, ``window`` (``15 min``), ``value``,
    ``usual``. ``value`` and ``usual`` are natural numbers with the unit applied.
    """

    name: str
    family: str
    unit: str
    meaning: str
    scale: Scale
    template: str

    def natural(self, stored: float) -> float:
        """The stored value in ``unit``.

        log1p → count or bytes; surprisal (−ln share) → share in percent; log_ratio
        (ln(1+a) − ln(1+b)) → a to b; linear → as stored.
        """
        if self.scale == "log1p":
            return math.expm1(stored)
        if self.scale == "surprisal":
            return 100.0 * math.exp(-stored)
        if self.scale == "log_ratio":
            return math.exp(stored)
        return stored


def _network() -> tuple[Feature, ...]:
    f = Feature
    return (
        # nobody answers
        f("conn_failed_share", "unanswered", "share", "share of the connection's flows that failed", "linear",
          "{src} got no answer from {dst} on {port} in {value} of its tries; usually at most {usual}"),
        f("dst_day_failed_share", "unanswered", "share", "share of the destination's flows of the day that failed", "linear",
          "{value} of that day's flows to {dst}, this one from {src} on {port}, were not answered; usually at most {usual}"),
        f("dst_window_failed_share", "unanswered", "share", "share of the destination's flows in the window that failed", "linear",
          "{value} of the flows to {dst} within {window}, this one from {src} on {port}, were not answered; usually at most {usual}"),
        f("conn_failed_flows", "unanswered", "flows", "failed flows of the connection", "log1p",
          "{src} failed {value} times to reach {dst} on {port}; usually at most {usual}"),
        f("dst_window_failed_flows", "unanswered", "flows", "failed flows to the destination in the window", "log1p",
          "{dst} left {value} flows unanswered within {window}, this one from {src} on {port}; usually at most {usual}"),
        # one source fails against many
        f("src_window_failed_targets", "fanout", "targets", "distinct (destination, port) at which the source failed in the window", "log1p",
          "{src} tried {value} targets (host and port) in vain within {window}, {dst} on {port} among them; usually at most {usual}"),
        f("src_day_failed_targets", "fanout", "targets", "distinct (destination, port) at which the source failed in the day", "log1p",
          "{src} tried {value} targets (host and port) in vain that day, {dst} on {port} among them; usually at most {usual}"),
        f("src_window_failed_ports", "fanout", "ports", "distinct ports on which the source failed in the window", "log1p",
          "{src} tried {value} ports in vain within {window}, {dst} among the hosts; usually at most {usual}"),
        f("src_day_failed_ports", "fanout", "ports", "distinct ports on which the source failed in the day", "log1p",
          "{src} tried {value} ports in vain that day, {dst} among the hosts; usually at most {usual}"),
        f("src_day_failed_rare_targets", "fanout", "targets", "distinct (destination, port) of rare services at which the source failed in the day", "log1p",
          "{src} tried {value} targets on unusual ports in vain that day, {dst} on {port} among them; usually at most {usual}"),
        # one source, many destinations, on an unusual port
        f("src_window_rare_targets", "horizontal", "targets", "distinct (destination, port) of rare services that the source reached for in the window", "log1p",
          "{src} reached for {value} targets on unusual ports within {window}, {dst} on {port} among them; usually at most {usual}"),
        f("src_window_port_peers_excess", "horizontal", "times", "destinations of the source on this port in the window, against the usual for the port", "log_ratio",
          "{src} contacted {value} times as many hosts on {port} within {window} as is usual there; usually at most {usual} times"),
        # one destination probed by many or on many ports
        f("dst_window_failed_sources", "fanin", "sources", "distinct sources that failed at the destination in the window", "log1p",
          "{value} sources tried {dst} in vain within {window}, {src} among them; usually at most {usual}"),
        f("dst_day_failed_sources", "fanin", "sources", "distinct sources that failed at the destination in the day", "log1p",
          "{value} sources tried {dst} in vain that day, {src} among them; usually at most {usual}"),
        f("dst_window_failed_ports", "fanin", "ports", "distinct ports of the destination that were tried in vain in the window", "log1p",
          "{value} ports of {dst} were tried in vain within {window}, this one by {src}; usually at most {usual}"),
        f("dst_day_failed_ports", "fanin", "ports", "distinct ports of the destination that were tried in vain in the day", "log1p",
          "{value} ports of {dst} were tried in vain that day, {port} by {src}; usually at most {usual}"),
        f("dst_day_ports", "fanin", "ports", "distinct ports of the destination in the day", "log1p",
          "{dst} was contacted on {value} ports that day, on {port} by {src}; usually at most {usual}"),
        f("dst_window_ports", "fanin", "ports", "distinct ports of the destination in the window", "log1p",
          "{dst} was contacted on {value} ports within {window}, on {port} by {src}; usually at most {usual}"),
        # seldom seen
        f("port_rarity", "rare", "% of pairs", "share of other (source, destination) pairs that use this protocol and port", "surprisal",
          "{src} used {port} to {dst}, as only about {value} of the other pairs of hosts do; usually at least {usual}"),
        f("service_rarity", "rare", "% of pairs", "share of other pairs that use this port with this application", "surprisal",
          "{src} spoke {service} on {port} to {dst}, as only about {value} of the other pairs of hosts do; usually at least {usual}"),
        f("service_state_rarity", "rare", "% of pairs", "share of other pairs whose flows of this application end in this state", "surprisal",
          "{src} to {dst}: a flow of {service} ended as {state}, as for only about {value} of the other pairs of hosts; usually at least {usual}"),
        f("state_rarity", "rare", "% of pairs", "share of other pairs with flows that end in this state", "surprisal",
          "{src} to {dst}: a flow on {port} ended as {state}, as for only about {value} of the other pairs of hosts; usually at least {usual}"),
        f("port_source_rarity", "rare", "% of sources", "share of other sources that use this protocol and port", "surprisal",
          "{src} used {port} to {dst}, as only about {value} of the other sources do; usually at least {usual}"),
        # clockwork between the same two
        f("beacon_score", "regular", "points", "regularity of gaps and sizes of the connection's flows, times ln(1 + flows)", "linear",
          "{src} called {dst} on {port} like clockwork (beacon score {value}); usually at most {usual}"),
        f("gap_symmetry", "regular", "share", "1 − |Bowley skewness| of the gaps between the connection's flows", "linear",
          "{src} called {dst} on {port} at even gaps (symmetry {value}); usually at most {usual}"),
        f("gap_steadiness", "regular", "points", "−ln(coefficient of variation + .01) of the gaps between the connection's flows", "linear",
          "{src} called {dst} on {port} at steady gaps (steadiness {value}); usually at most {usual}"),
        f("gap_regularity", "regular", "share", "1 − relative median deviation of the gaps between the connection's flows", "linear",
          "{src} called {dst} on {port} at regular gaps (regularity {value}); usually at most {usual}"),
        # much more out than in
        f("conn_upload_ratio", "volume", "times", "bytes sent to bytes received over the connection's day", "log_ratio",
          "{src} sent {dst} {value} times the bytes it got back on {port} that day; usually at most {usual} times"),
        f("conn_bytes_out", "volume", "bytes", "bytes sent over the connection's day", "log1p",
          "{src} sent {dst} {value} on {port} that day; usually at most {usual}"),
        f("flow_upload_ratio", "volume", "times", "bytes sent to bytes received of the flow", "log_ratio",
          "{src} sent {dst} {value} times the bytes it got back in one flow on {port}; usually at most {usual} times"),
        f("flow_bytes_out_z", "volume", "deviations", "robust z of ln(1 + bytes sent) among flows of the same protocol and application", "linear",
          "{src} sent {dst} more on {port} than is usual for {service}, by {value} deviations; usually by at most {usual}"),
        f("src_window_bytes_out_excess", "volume", "times", "bytes sent by the source in the window against its median window of the day", "log_ratio",
          "{src} sent {value} times its usual bytes within {window}, {dst} among the receivers; usually at most {usual} times"),
        # many flows in little time
        f("conn_flow_rate", "rate", "flows per window", "flows of the connection per active window", "log1p",
          "{src} opened {value} flows to {dst} on {port} per {window}; usually at most {usual}"),
        f("dst_window_flows", "rate", "flows", "flows to the destination in the window", "log1p",
          "{dst} received {value} flows within {window}, this one from {src} on {port}; usually at most {usual}"),
        f("conn_flows", "rate", "flows", "flows of the connection in the day", "log1p",
          "{src} opened {value} flows to {dst} on {port} that day; usually at most {usual}"),
        # few other sources talk to it
        f("dst_source_rarity", "prevalence", "% of sources", "share of other sources, today and in history, seen at this destination", "surprisal",
          "{src} contacted {dst} on {port}, where only about {value} of the other sources were ever seen; usually at least {usual}"),
    )  # fmt: skip


def _auth() -> tuple[Feature, ...]:
    f = Feature
    return (
        f("src_window_failures", "failures", "failures", "failed logins from the source in the window", "log1p",
          "{src} failed to log in {value} times within {window}, this time as {user} on {host}; usually at most {usual}"),
        f("src_day_failures", "failures", "failures", "failed logins from the source in the day", "log1p",
          "{src} failed to log in {value} times that day, this time as {user} on {host}; usually at most {usual}"),
        f("src_window_failed_share", "failures", "share", "share of the source's logins in the window that failed", "linear",
          "{value} of the logins from {src} within {window} failed, this one as {user} on {host}; usually at most {usual}"),
        f("user_window_failures", "failures", "failures", "failed logins as the user in the window", "log1p",
          "{value} logins as {user} failed within {window}, this one from {src} on {host}; usually at most {usual}"),
        f("pair_day_failures", "failures", "failures", "failed logins of this user from this source in the day", "log1p",
          "{src} failed to log in as {user} {value} times that day on {host}; usually at most {usual}"),
        f("src_window_users", "spraying", "users", "distinct users that the source failed to log in as in the window", "log1p",
          "{src} tried {value} users in vain within {window}, {user} among them; usually at most {usual}"),
        f("src_day_users", "spraying", "users", "distinct users that the source tried in the day", "log1p",
          "{src} tried {value} users that day, {user} among them; usually at most {usual}"),
        f("src_day_hosts", "spraying", "hosts", "distinct hosts that the source tried in the day", "log1p",
          "{src} tried to log in to {value} hosts that day, {host} among them; usually at most {usual}"),
        f("src_day_users_succeeded", "stuffing", "users", "distinct users as whom the source logged in after having failed, in the day", "log1p",
          "{src} got in as {value} users after failing, {user} among them; usually at most {usual}"),
        f("failures_before_success", "stuffing", "failures", "failures from the source within the hour before this success; 0 for a failure", "log1p",
          "{src} logged in as {user} on {host} after {value} failures within the hour; usually at most {usual}"),
        f("user_day_sources", "spread", "sources", "distinct sources that tried the user in the day", "log1p",
          "{value} sources tried to log in as {user} that day, {src} among them; usually at most {usual}"),
        f("user_window_sources", "spread", "sources", "distinct sources that tried the user in the window", "log1p",
          "{value} sources tried to log in as {user} within {window}, {src} among them; usually at most {usual}"),
        f("pair_rarity", "new", "% of logins", "share of the user's earlier successful logins that came from this source", "surprisal",
          "A login as {user} came from {src}, where only about {value} of the user's other logins come from; usually at least {usual}"),
        f("user_source_rarity", "new", "% of sources", "share of other sources that ever logged in as this user", "surprisal",
          "{src} tried to log in as {user}, as only about {value} of the other sources do; usually at least {usual}"),
        f("src_user_rarity", "new", "% of users", "share of other users that ever logged in from this source", "surprisal",
          "{user} tried to log in from {src}, as only about {value} of the other users do; usually at least {usual}"),
        f("off_hours", "hours", "", "1 when the login is outside 07–19 UTC, Monday to Friday, of a user seen mostly within; else 0", "linear",
          "A login as {user} from {src} on {host} came outside business hours, unlike most of the user's logins"),
    )  # fmt: skip


FEATURES: Final[dict[str, tuple[Feature, ...]]] = {"network": _network(), "auth": _auth()}
"""By kind; kinds without features are ingested and not yet scored."""

FEATURE_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    kind: tuple(feature.name for feature in features) for kind, features in FEATURES.items()
}
"""Column names of the model matrix, in order (Float32 in SILVER, null where not measurable)."""

FEATURE_BY_NAME: Final[dict[str, dict[str, Feature]]] = {
    kind: {feature.name: feature for feature in features} for kind, features in FEATURES.items()
}
