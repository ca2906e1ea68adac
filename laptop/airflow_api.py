"""Airflow's REST API: what `make run` asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from laptop.errors import UsageError

TIMEOUT_S = 60.0
"""A laptop that is busy answers late, and the first request pays for late imports."""
ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task of a run. ``state`` None: not yet looked at. Times are UTC."""

    task: str
    state: str | None
    attempt: int
    started: datetime | None
    ended: datetime | None


class AirflowApi:
    """A logged-in client; raises httpx.HTTPError where the server does not answer."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)
        self._login = {"username": user, "password": password}

    def close(self) -> None:
        self._http.close()

    def warm_up(self) -> None:
        """Make the server build what tasks will ask for: 6 s of CPU that no task then waits for."""
        self._http.get("/execution/health")

    def log_in(self) -> None:
        """Get a token of the simple auth manager for the requests that follow."""
        answer = self._http.post("/auth/token", json=self._login)
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def knows(self, dag: str) -> bool:
        """Whether the DAG processor has read this DAG."""
        return self._http.get(f"/api/v2/dags/{dag}").status_code == httpx.codes.OK

    def import_error(self) -> str | None:
        """The last line of the first error that a DAG file has; None when there is none."""
        errors = self._get("/api/v2/importErrors")["import_errors"]
        if not errors:
            return None
        lines = errors[0]["stack_trace"].strip().splitlines()
        return f"{errors[0]['filename']}: {lines[-1] if lines else 'cannot be read'}"

    def trigger(self, dag: str, parameters: dict[str, Any]) -> str:
        """Start a manual run and return its id. Raises UsageError for a parameter it refuses."""
        answer = self._http.post(
            f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None, "conf": parameters}
        )
        if answer.status_code in {400, 422}:
            raise UsageError(f"Airflow refused the parameters: {_detail(answer)}")
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def run_state(self, dag: str, run: str) -> str:
        """queued, running, success or failed."""
        return str(self._get(f"/api/v2/dags/{dag}/dagRuns/{_part(run)}")["state"])

    def tasks(self, dag: str, run: str) -> dict[str, TaskState]:
        """The tasks of a run by id."""
        found = self._get(f"/api/v2/dags/{dag}/dagRuns/{_part(run)}/taskInstances")
        return {
            task["task_id"]: TaskState(
                task["task_id"],
                task["state"],
                task["try_number"],
                _moment(task["start_date"]),
                _moment(task["end_date"]),
            )
            for task in found["task_instances"]
        }

    def error_of(self, dag: str, run: str, task: str, attempt: int) -> str | None:
        """The exception that ended an attempt of a task, as one line, from its log."""
        path = f"/api/v2/dags/{dag}/dagRuns/{_part(run)}/taskInstances/{task}/logs/{attempt}"
        answer = self._http.get(path, headers={"Accept": "application/json"})
        if answer.status_code != httpx.codes.OK:
            return None
        for line in reversed(answer.json()["content"]):
            details = line.get("error_detail") if isinstance(line, dict) else None
            if details:
                return " ".join(str(details[0].get("exc_value", "")).split()) or None
        return None

    def _get(self, path: str) -> Any:
        answer = self._http.get(path)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # the token of a long run has expired
            self.log_in()
            answer = self._http.get(path)
        answer.raise_for_status()
        return answer.json()


def _part(text: str) -> str:
    return quote(text, safe="")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    return " ".join(str(detail).split())[:500]
