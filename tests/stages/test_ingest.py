"""The ingest stage: what it stores, how it counts, and how it refuses."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import structlog

from contracts.events import RAW_COLUMNS, REJECTED_COLUMNS
from contracts.manifest import Artifact
from contracts.plan import InputFile, Plan, RunParameters
from tasks.errors import InputError
from tasks.parquet import polars_type
from tasks.stage import StageContext, StageOutcome
from tasks.stages import ingest
from tasks.storage import FolderStore, open_store
from tests.sources.reading import CONN_FIELDS, conn_header, conn_row

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0
DAY_SECONDS = 24 * HOUR


def conn_log(*times: float, label: str = "", uid: str = "C") -> str:
    fields = [*CONN_FIELDS, "label"] if label else CONN_FIELDS
    end = f"\t{label}\n" if label else "\n"
    rows = (
        conn_row(ts=f"{ts:.6f}", uid=f"{uid}{n}").rstrip("\n") + end for n, ts in enumerate(times)
    )
    return conn_header(fields) + "".join(rows)


def auth_log(lines: int = 3) -> str:
    return "".join(
        f"Nov 20 12:00:0{n % 10} host sshd[7]: Failed password for root"
        f" from 192.0.2.7 port {n} ssh2\n"
        for n in range(1, lines + 1)
    )


class Landed:
    """A folder store with landed files, and runs of the stage on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        store = open_store(str(root / "store"))
        assert isinstance(store, FolderStore)
        store.create_buckets()
        self.store = store
        self.inputs: list[InputFile] = []
        self.runs = 0

    def land(self, name: str, content: str | bytes, *, baseline: bool = False) -> Landed:
        data = content.encode() if isinstance(content, str) else content
        path = self.root / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        file = InputFile(
            location=str(path), sha256=digest, bytes=len(data), local=True, baseline=baseline
        )
        self.inputs.append(file)
        return self

    def run(self, *, day: date | None = None, **parameters: float) -> StageOutcome:
        self.runs += 1
        workdir = self.root / f"work-{self.runs}"
        workdir.mkdir()
        plan = Plan(
            run_id="test", slug="test", created=datetime(2026, 11, 21, tzinfo=UTC), day=day,
            parameters=RunParameters.model_validate(parameters), inputs=tuple(self.inputs),
        )  # fmt: skip
        self.plan = plan
        log = structlog.get_logger()
        return ingest.run(StageContext("ingest", 1, plan, self.store, workdir, {}, log))

    def frame(self, artifact: Artifact) -> pl.DataFrame:
        return pl.read_parquet(self.store.fetch(artifact.location, self.root))

    def stored(self, name: str) -> list[Path]:
        return sorted((self.root / "store" / "cybersec-ml-raw").glob(f"{name}_*.parquet"))


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path)


def outputs(outcome: StageOutcome, role: str) -> dict[tuple[str | None, str | None], Artifact]:
    return {(one.kind, one.day): one for one in outcome.outputs if one.role == role}


def test_one_raw_file_a_kind_holds_all_files_in_plan_order(landed: Landed) -> None:
    landed.land("b.log", conn_log(NOON, NOON + 1, uid="B")).land("auth.log", auth_log())
    landed.land("a.gz", gzip.compress(conn_log(NOON - 5, uid="A").encode()))
    outcome = landed.run()
    raw = outputs(outcome, "raw")
    assert set(raw) == {("network", "2026-11-20"), ("auth", "2026-11-20")}
    network = landed.frame(raw["network", "2026-11-20"])
    ids = {"b.log": ["B0", "B1"], "a.gz": ["A0"], "auth.log": []}
    expected = [event for file in landed.plan.inputs for event in ids[file.name]]
    assert network["event_id"].to_list() == expected
    assert dict(network.schema) == {
        **{name: polars_type(dtype) for name, dtype in RAW_COLUMNS["network"].items()},
        "history": pl.String(),
    }
    assert landed.frame(raw["auth", "2026-11-20"]).columns == [*RAW_COLUMNS["auth"]]
    assert (outcome.rows_in, outcome.rows_out, outcome.rows_rejected) == (6, 6, 0)


def test_the_label_column_is_there_if_any_file_has_one(landed: Landed) -> None:
    landed.land("plain.log", conn_log(NOON)).land("labelled", conn_log(NOON, label="Malicious"))
    (artifact,) = outputs(landed.run(), "raw").values()
    frame = landed.frame(artifact)
    assert frame.columns == [*RAW_COLUMNS["network"], "label", "history"]
    assert sorted(frame["label"], key=str) == ["Malicious", None]


def test_labels_that_begin_late_in_a_file_are_kept_for_all(landed: Landed) -> None:
    late = conn_log(*(NOON + n for n in range(1000))) + conn_log(NOON, label="Benign")
    landed.land("late.log", late)
    (artifact,) = outputs(landed.run(), "raw").values()
    assert landed.frame(artifact)["label"].drop_nulls().to_list() == ["Benign"]


def test_same_files_give_the_same_bytes(landed: Landed) -> None:
    rows = (NOON + n / 100 for n in range(200_000))
    landed.land("conn.log", conn_log(*rows)).land("auth.log", auth_log(50))
    landed.land("earlier", conn_log(NOON - DAY_SECONDS), baseline=True)
    first, second = landed.run(), landed.run()
    assert [one.sha256 for one in first.outputs] == [one.sha256 for one in second.outputs]
    assert len(first.outputs) == 3
    assert first.figures == second.figures


def test_rejected_lines_are_stored_with_file_line_reason_and_text(landed: Landed) -> None:
    text = conn_log(*(NOON + n for n in range(100))) + "garbage\n"
    landed.land("one/conn.log", text).land("two/conn.log", conn_log(NOON + 200, uid="D"))
    outcome = landed.run()
    (artifact,) = outputs(outcome, "rejected").values()
    frame = landed.frame(artifact)
    assert dict(frame.schema) == {
        name: polars_type(dtype) for name, dtype in REJECTED_COLUMNS.items()
    }
    assert frame.rows() == [("one/conn.log", 109, "1 fields instead of 21", "garbage")]
    assert (outcome.rows_in, outcome.rows_out, outcome.rows_rejected) == (102, 101, 1)


def test_too_many_rejections_fail_the_stage_and_are_stored_first(landed: Landed) -> None:
    bad = "".join("garbage\n" for _ in range(25))
    landed.land("conn.log", conn_log(*(NOON + n for n in range(100))) + bad)
    with pytest.raises(InputError) as failure:
        landed.run()
    (stored,) = landed.stored("rejected")
    assert pl.read_parquet(stored).height == 25
    message = str(failure.value)
    assert message.startswith("conn.log: line 109: 1 fields instead of 21; 25 of 125 records")
    assert f"cybersec-ml-raw/{stored.name}" in message
    assert "max_rejected_share" in message
    assert not landed.stored("network_events")
    assert landed.run(max_rejected_share=0.2).rows_rejected == 25


def test_rejections_of_a_baseline_count_for_the_limit_too(landed: Landed) -> None:
    landed.land("conn.log", conn_log(NOON))
    landed.land("old.log", conn_log(NOON - DAY_SECONDS) + "garbage\n", baseline=True)
    with pytest.raises(InputError, match=r"^old\.log: line 10: "):
        landed.run()


def test_every_line_is_counted_once(landed: Landed) -> None:
    landed.land("mixed.log", conn_log(NOON, NOON + 1) + conn_header(path="dns") + "x\ny\n")
    cron = "Nov 20 12:00:00 host CRON[1]: session opened\n"
    repeated = "message repeated 3 times: [ Failed password for a from 192.0.2.7 port 1 ssh2]"
    landed.land("auth.log", auth_log() + cron + f"Nov 20 12:00:00 host sshd[7]: {repeated}\n")
    outcome = landed.run()
    assert outcome.rows_skipped == {"zeek:dns": 2, "syslog:CRON": 1}
    assert outcome.rows_in == outcome.rows_out + sum(outcome.rows_skipped.values())
    auth, mixed = sorted(outcome.figures["files"], key=lambda one: one["file"])
    assert (mixed["lines"], mixed["header"], mixed["events"]) == (20, 16, {"network": 2})
    assert (auth["lines"], auth["repeated"], auth["events"]) == (5, 2, {"auth": 6})


def test_a_day_keeps_its_own_rows_and_counts_the_rest(landed: Landed) -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    end = start + DAY_SECONDS
    landed.land("conn.log", conn_log(start - 1e-6, start, end - 1e-6, end, end + 1))
    outcome = landed.run(day=DAY)
    (artifact,) = outputs(outcome, "raw").values()
    assert landed.frame(artifact)["event_id"].to_list() == ["C1", "C2"]
    assert (outcome.rows_in, outcome.rows_out) == (5, 2)
    assert outcome.rows_skipped == {"out_of_day": 3}
    assert artifact.day == "2026-11-20"


def test_without_a_day_all_rows_stay_and_most_events_name_it(landed: Landed) -> None:
    landed.land("conn.log", conn_log(NOON, NOON + DAY_SECONDS, NOON + DAY_SECONDS + 1))
    landed.land("auth.log", auth_log(1))
    raw = outputs(landed.run(), "raw")
    assert {key: one.rows for key, one in raw.items()} == {
        ("network", "2026-11-20"): 3, ("auth", "2026-11-20"): 1,
    }  # fmt: skip


def test_relative_times_are_kept(landed: Landed) -> None:
    landed.land("conn.log", conn_log(15.2, 3023.4))
    assert set(outputs(landed.run(), "raw")) == {("network", "1970-01-01")}


def test_baseline_files_of_one_date_are_one_day(landed: Landed) -> None:
    landed.land("today", conn_log(NOON))
    yesterday = NOON - DAY_SECONDS
    landed.land("old-1", conn_log(yesterday, yesterday + 1, uid="X"), baseline=True)
    # Begins the evening before, as Zeek's files do with long flows, and still is one day.
    landed.land(
        "old-2", conn_log(yesterday - 13 * HOUR, yesterday, yesterday, uid="Y"), baseline=True
    )
    landed.land("old-3", conn_log(yesterday - DAY_SECONDS, uid="Z"), baseline=True)
    outcome = landed.run(day=DAY)
    days = outputs(outcome, "baseline_raw")
    found = {day: sorted(landed.frame(one)["event_id"]) for (_, day), one in days.items()}
    assert found == {"2026-11-19": ["X0", "X1", "Y0", "Y1", "Y2"], "2026-11-18": ["Z0"]}
    assert {one.rows for one in days.values()} == {5, 1}
    assert (outcome.rows_in, outcome.figures["baseline"]["rows_out"]) == (1, 6)


def test_a_baseline_file_of_several_days_is_cut_at_midnight(landed: Landed) -> None:
    landed.land("today", conn_log(NOON))
    times = [NOON - n * DAY_SECONDS for n in (4, 3, 2, 2)]
    landed.land("week", conn_log(*times), baseline=True)
    landed.land("second", conn_log(times[-1], uid="S"), baseline=True)
    days = outputs(landed.run(), "baseline_raw")
    assert {day: one.rows for (_, day), one in days.items()} == {
        "2026-11-16": 1, "2026-11-17": 1, "2026-11-18": 3,
    }  # fmt: skip


def test_the_same_content_twice_counts_once(landed: Landed) -> None:
    landed.land("conn.log", conn_log(NOON)).land("copy.log", conn_log(NOON))
    outcome = landed.run()
    assert (outcome.rows_out, outcome.rows_skipped) == (1, {"duplicate_file": 1})


def test_unknown_and_empty_files_among_good_ones_are_skipped(landed: Landed) -> None:
    landed.land("conn.log", conn_log(NOON)).land("notes.txt", "hello\n").land("none.log", "")
    landed.land("header-only.log", conn_log())
    outcome = landed.run()
    assert (outcome.rows_out, outcome.rows_skipped) == (1, {"unknown": 1, "empty": 1})


def test_a_cut_log_of_another_stream_does_not_refuse_the_folder(landed: Landed) -> None:
    dns = gzip.compress((conn_header(path="dns") + "x\n" * 9000).encode())[:-12]
    landed.land("conn.log", conn_log(NOON)).land("dns.log.gz", dns)
    outcome = landed.run()
    assert outcome.rows_out == 1
    assert outcome.rows_skipped["damaged"] == 1


def test_errors_name_files_by_their_folders_where_names_are_shared(landed: Landed) -> None:
    cut = gzip.compress(conn_log(NOON, NOON + 1).encode())[:-9]
    landed.land("sensor-1/conn.log.gz", gzip.compress(conn_log(NOON).encode()))
    landed.land("sensor-2/conn.log.gz", cut)
    with pytest.raises(InputError, match=r"^sensor-2/conn\.log\.gz: line \d+: the gzip"):
        landed.run()


Build = Callable[[Landed], object]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda at: at, r"^the run has no input file; name logs"),
        (lambda at: at.land("e.log", ""), r"^e\.log: line 1: the file is empty; name a log"),
        (lambda at: at.land("b.bin", b"\0\1\2"), r"^b\.bin: line 1: binary data, not a log; name"),
        (lambda at: at.land("n.txt", "hello\n").land("m.txt", "more\n"),
         r"^[mn]\.txt: line 1: not a known log format \(and 1 more file.* like it\); name a log"),
        (lambda at: at.land("h.log", conn_log()), r"h\.log: line 1: 8 lines, a header only"),
        (lambda at: at.land("d.log", conn_header(path="dns") + "x\n"),
         r"d\.log: line 1: 9 lines, 1 zeek:dns"),
        (lambda at: at.land("cut.gz", gzip.compress(conn_log(NOON, NOON).encode())[:-9]),
         r"^cut\.gz: line \d+: the gzip file is cut short here; copy or download"),
        (lambda at: at.land("tiny.gz", gzip.compress(b"x")[:12]),
         r"^tiny\.gz: line 1: the gzip file is cut short"),
        (lambda at: at.land("conn.log", conn_log(NOON)).land("old.txt", "x\n", baseline=True),
         r"^old\.txt: line 1: not a known log format; name a log"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line_that_names_it(
    landed: Landed, build: Build, message: str
) -> None:
    build(landed)
    with pytest.raises(InputError, match=message) as failure:
        landed.run()
    assert "\n" not in str(failure.value)
    assert not landed.stored("network_events")


def test_a_day_without_events_says_which_days_there_are(landed: Landed) -> None:
    landed.land("conn.log", conn_log(NOON))
    with pytest.raises(InputError, match=r"no event on 2026-11-21, the events are of 2026-11-20"):
        landed.run(day=date(2026, 11, 21))
