"""``plan.json``: every input of a run, pinned with its digest before the first stage starts.

A stage never asks for "the latest" of anything. It reads the plan and the last manifests of the
stages before it, so a repeated stage repeats exactly.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Frozen(BaseModel):
    """Data that crosses a border: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RunParameters(Frozen):
    """What a person may set for one run; the defaults are the daily schedule's."""

    contamination: Annotated[float, Field(gt=0, le=0.5)] | Literal["auto"] = "auto"
    n_estimators: Annotated[int, Field(ge=10, le=2_000)] = 100
    random_state: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    window_minutes: Annotated[int, Field(ge=1, le=240)] = 15
    alert_budget: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Alerts a day at most; used when no threshold is given."""
    alert_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Alert on every key whose ``ml_score`` is at least this; replaces the budget."""
    retrain: bool = True
    """False: score with the plan's champion and train nothing."""
    max_rejected_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    year: Annotated[int, Field(ge=1970, le=9_999)] | None = None
    """Year of syslog lines that carry none; None: the latest that is not in the future."""

    @field_validator("window_minutes")
    @classmethod
    def _window_divides_day(cls, value: int) -> int:
        if 1440 % value:
            raise ValueError(f"window_minutes must divide the day's 1440 minutes, not {value}")
        return value


class InputFile(Frozen):
    """One file as a sensor wrote it.

    ``location`` is ``<bucket>/<key>`` inside the run's store, or an absolute path when
    ``local`` is true (``tasks run`` on a laptop). ``baseline`` files are earlier logs that
    somebody believes clean: history, never scored.
    """

    location: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]
    local: bool = False
    baseline: bool = False

    @property
    def name(self) -> str:
        return self.location.rsplit("/", 1)[-1]


class ObjectRef(Frozen):
    """An artifact of an earlier run: ``<bucket>/<key>`` and what its bytes must hash to."""

    location: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class ProfileRef(ObjectRef):
    """The small profile of one earlier day and kind (design §2, Context)."""

    kind: str
    day: date


class ModelRef(ObjectRef):
    """A model: its pickle, the plain arrays that score and explain with it, and its card."""

    arrays: ObjectRef
    card: ObjectRef


class Plan(Frozen):
    """Everything that one run depends on."""

    version: Literal[1] = 1
    run_id: str
    slug: str
    created: datetime
    day: date | None = None
    """UTC day of event time; None: the input is one batch and every row is kept."""
    parameters: RunParameters = RunParameters()
    inputs: tuple[InputFile, ...]
    history: tuple[ProfileRef, ...] = ()
    """Profiles of earlier published days, oldest first."""
    champion: ModelRef | None = None
    """The model that is current; needed when ``retrain`` is false."""

    @field_validator("inputs")
    @classmethod
    def _in_order_of_content(cls, inputs: tuple[InputFile, ...]) -> tuple[InputFile, ...]:
        # The same files give the same rows in the same order, whatever they are called where they
        # landed: a laptop run and a DAG run can then be compared bit for bit.
        return tuple(sorted(inputs, key=lambda file: (file.baseline, file.sha256, file.location)))
