"""Sentences read well for ordinary and extreme values, and log fields cannot harm."""

from __future__ import annotations

import math
import re

import pytest

from contracts.features import FEATURE_BY_NAME, FEATURES, Feature
from tasks.explanations.sentences import plain_sentence, sentence
from tasks.explanations.wording import LONGEST_FIELD, field, quantity, value_and_usual

EVENT = {
    "src_ip": "192.168.1.7", "dst_ip": "10.0.0.1", "dst_port": 443, "protocol": "tcp",
    "service": "ssl", "conn_state": "S0", "user": "alice", "host": "server1",
}  # fmt: skip
NETWORK, AUTH = FEATURE_BY_NAME["network"], FEATURE_BY_NAME["auth"]


@pytest.mark.parametrize(
    ("feature", "natural", "text"),
    [
        (NETWORK["src_window_failed_ports"], 412.0, "412"),
        (NETWORK["src_window_failed_ports"], 3.0000002, "3"),
        (NETWORK["src_day_failed_targets"], 65_535.0, "65,535"),
        (NETWORK["conn_bytes_out"], 0.0, "0 bytes"),
        (NETWORK["conn_bytes_out"], 999.0, "999 bytes"),
        (NETWORK["conn_bytes_out"], 3_200_000.0, "3.2 MB"),
        (NETWORK["conn_bytes_out"], 999_999_999.0, "1 GB"),
        (NETWORK["port_rarity"], 0.0412, "0.04 %"),
        (NETWORK["port_rarity"], 31.9, "32 %"),
        (NETWORK["port_rarity"], 100.0, "100 %"),
        (NETWORK["conn_failed_share"], 0.95, "95 %"),
        (NETWORK["conn_failed_share"], 1.0, "100 %"),
        (NETWORK["conn_upload_ratio"], 1_234.4, "1,234"),
        (NETWORK["conn_upload_ratio"], 2.46, "2.5"),
        (NETWORK["flow_bytes_out_z"], -0.001, "0"),
        (AUTH["src_day_users"], math.nan, "not known"),
    ],
)
def test_numbers_are_short_and_carry_their_unit(
    feature: Feature, natural: float, text: str
) -> None:
    assert quantity(feature, natural) == text


def test_value_and_usual_get_the_digits_that_tell_them_apart() -> None:
    share = NETWORK["conn_failed_share"]
    assert value_and_usual(share, 0.954, 0.951) == ("95.4 %", "95.1 %")
    assert value_and_usual(share, 0.9, 0.5) == ("90 %", "50 %")


@pytest.mark.parametrize("kind", ["network", "auth"])
def test_every_template_makes_a_sentence(kind: str) -> None:
    for feature in FEATURES[kind]:
        for event in (EVENT, dict.fromkeys(EVENT)):
            text = sentence(feature, 6.0, 1.0, event, 15)
            assert "{" not in text
            assert "None" not in text
            assert len(text) < 300


def test_the_sentence_says_who_what_and_what_is_usual() -> None:
    text = sentence(NETWORK["src_window_failed_ports"], math.log1p(412), math.log1p(3), EVENT, 15)
    assert text.startswith("192.168.1.7 tried 412 ports in vain within 15 min")
    assert text.endswith("usually at most 3")
    text = sentence(NETWORK["port_rarity"], -math.log(0.0004), -math.log(0.12), EVENT, 15)
    assert "443/tcp" in text
    assert "0.04 %" in text
    assert text.endswith("usually at least 12 %")


def test_nothing_is_usual_is_said_in_words() -> None:
    text = sentence(NETWORK["src_window_failed_ports"], math.log1p(40), 0.0, EVENT, 15)
    assert text.endswith("; usually none")
    text = sentence(NETWORK["conn_failed_share"], 1.0, 0.0, EVENT, 15)
    assert text.endswith("; usually none")
    text = sentence(NETWORK["conn_flows"], math.log1p(99), math.log1p(20), EVENT, 15)
    assert text.endswith("; usually at most 20")


HOSTILE = "root\r\n\x1b[31m\u202e" + "A" * 300 + "{value}<script>"


def test_a_hostile_name_is_one_short_printable_line() -> None:
    shown = field(HOSTILE)
    assert shown.isprintable()
    assert len(shown) <= LONGEST_FIELD
    assert shown.startswith("root [31m A")
    text = sentence(AUTH["src_day_users"], 5.0, 1.0, {**EVENT, "user": HOSTILE}, 15)
    assert not re.search(r"[\x00-\x1f\u202e]", text)
    assert "\n" not in plain_sentence("auth", {**EVENT, "user": HOSTILE, "host": "\x00"})


def test_braces_in_a_log_field_are_text() -> None:
    text = sentence(AUTH["src_day_users"], 5.0, 1.0, {**EVENT, "user": "{src!r}"}, 15)
    assert "{src!r}" in text


def test_an_unknown_port_and_a_portless_protocol_are_said() -> None:
    feature = NETWORK["conn_flows"]
    icmp = {**EVENT, "dst_port": None, "protocol": "icmp"}
    assert "on icmp" in sentence(feature, 5.0, 1.0, icmp, 15)
    nothing = {**EVENT, "dst_port": None, "protocol": None}
    assert "on an unknown port" in sentence(feature, 5.0, 1.0, nothing, 15)
