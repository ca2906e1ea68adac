"""Small days of flows with few hosts, so that every group has members."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from contracts.events import RAW_COLUMNS
from tasks.parquet import polars_type

DAY = datetime(2026, 3, 4, tzinfo=UTC)
DESTINATIONS = (
    *(f"192.0.2.{n}" for n in range(1, 6)),
    "192.0.2.255",
    "239.255.255.250",
    "ff02::fb",
    "2001:db8::9",
)


def raw_schema(kind: str) -> pl.Schema:
    return pl.Schema({name: polars_type(t) for name, t in RAW_COLUMNS[kind].items()})


def random_flows(seed: int, count: int, *, days: int = 1) -> list[dict[str, Any]]:
    """Flows between 6 clients and 5 servers: some fail, one pair keeps time like a beacon."""
    draw = random.Random(seed)
    flows = []
    for i in range(count):
        state = draw.choice(["SF", "SF", "SF", "S0", "REJ", "OTH", None])
        beacon = i % 5 == 0
        answered = state in ("SF", "OTH", None)
        seconds = 300.0 * i if beacon else draw.uniform(0, 86_000 * days)
        protocol = "tcp" if beacon else draw.choice(["tcp", "udp"])
        flows.append(
            {
                "event_id": f"C{seed}x{i}",
                "timestamp": DAY + timedelta(seconds=round(seconds, 3) % (86_400 * days)),
                "src_ip": "10.0.0.1" if beacon else f"10.0.0.{draw.randint(1, 6)}",
                "src_port": draw.randint(1024, 65535),
                "dst_ip": "192.0.2.9" if beacon else draw.choice(DESTINATIONS),
                "dst_port": 443 if beacon else draw.choice([53, 80, 443, 445, 8080, 31337]),
                "protocol": protocol,
                "service": draw.choice([None, "ssl", "dns", "gssapi,smb"]),
                "duration": draw.choice([None, 0.0, draw.uniform(0, 60)]),
                "bytes": None,
                "bytes_sent": draw.choice([None, 0, draw.randint(1, 10**6)]),
                "bytes_received": draw.choice([None, draw.randint(1, 10**5)]) if answered else 0,
                "packets_sent": draw.randint(1, 20),
                "packets_received": draw.randint(1, 20) if answered else 0,
                "conn_state": state,
                "local_orig": True,
                "local_resp": False,
                "sensor": "zeek",
            }
        )
    return flows


def write_raw(flows: list[dict[str, Any]], path: Path, kind: str = "network") -> Path:
    pl.DataFrame(flows, schema=raw_schema(kind), orient="row").write_parquet(path)
    return path
