"""The pod of every stage, built without a cluster, point by point of the house's list."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import ApiClient  # type: ignore[import-untyped]

from contracts.layers import STAGES, run_slug
from dags import pod_launcher
from dags.pod_launcher import StagePod, node_selector, tolerations
from tests.dags.runs import Run
from tests.dags.servers import Servers

if TYPE_CHECKING:
    from airflow.sdk import DAG

SECRETS = ("canary-access-key", "canary-secret-key")


@pytest.fixture(params=STAGES)
def operator(request: pytest.FixtureRequest, pod_dag: DAG) -> Any:
    return pod_dag.get_task(request.param)


@pytest.fixture
def pod(operator: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The pod as it would be sent, from an Airflow that does hold credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRETS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS[1])
    built = operator.prepare_for_execution().build_pod_request_obj(dry_run=True)
    spec: dict[str, Any] = ApiClient().sanitize_for_serialization(built)
    return spec


def test_the_operator_keeps_the_house_rules(operator: Any) -> None:
    assert operator.deferrable is False
    assert operator.do_xcom_push is False
    assert operator.on_finish_action == "delete_pod"
    assert operator.startup_timeout_seconds == 600
    assert operator.log_pod_spec_on_failure is False
    assert operator.get_logs is True


def test_one_container_runs_the_stage(pod: dict[str, Any], operator: Any) -> None:
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["python", "-m", "tasks"]
    assert container["args"] == operator.arguments
    assert container["image"] == "soc-copilot-task:0.1.0"
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert {"name": "PYTHONUNBUFFERED", "value": "1"} in container["env"]


def test_the_arguments_name_run_and_attempt_when_rendered(operator: Any, pod_dag: DAG) -> None:
    class Try:
        try_number = 3

    task = operator.prepare_for_execution()
    task.render_template_fields({"run_id": "manual__x:1", "ti": Try()}, pod_dag.get_template_env())
    assert task.arguments == [
        operator.task_id, "--run", f"s3://cybersec-ml-eval/runs/{run_slug('manual__x:1')}",
        "--attempt", "3",
    ]  # fmt: skip


def test_requests_and_limits_are_set_together(pod: dict[str, Any]) -> None:
    resources = pod["spec"]["containers"][0]["resources"]
    assert set(resources["requests"]) == set(resources["limits"]) == {
        "cpu", "memory", "ephemeral-storage",
    }  # fmt: skip
    assert resources["requests"]["memory"] == resources["limits"]["memory"]


def test_credentials_come_from_the_secret_and_no_value_is_in_the_pod(pod: dict[str, Any]) -> None:
    container = pod["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "minio-credentials"}}]
    assert not any(secret in json.dumps(pod) for secret in SECRETS)
    assert {item["name"] for item in container["env"]} == {
        "PYTHONUNBUFFERED", "HOME", "SOC_LOG_FORMAT",
    }  # fmt: skip


def test_the_pod_has_no_way_into_the_cluster(pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == "soc-stage"
    assert not spec.get("hostNetwork")


def test_the_pod_is_unprivileged(pod: dict[str, Any]) -> None:
    outer = pod["spec"]["securityContext"]
    assert outer["runAsNonRoot"] is True
    assert {outer["runAsUser"], outer["runAsGroup"], outer["fsGroup"]} == {10001}
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
    inner = pod["spec"]["containers"][0]["securityContext"]
    assert inner["readOnlyRootFilesystem"] is True
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}


def test_only_tmp_can_be_written(pod: dict[str, Any]) -> None:
    (volume,) = pod["spec"]["volumes"]
    assert list(volume) == ["emptyDir", "name"]
    assert volume["emptyDir"]["sizeLimit"]
    mounts = pod["spec"]["containers"][0]["volumeMounts"]
    assert mounts == [{"mountPath": "/tmp", "name": volume["name"]}]


def test_the_pod_ends_in_time_and_is_not_restarted(pod: dict[str, Any], operator: Any) -> None:
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["activeDeadlineSeconds"] == operator.execution_timeout.total_seconds()


def test_settings_place_the_pod(pod: dict[str, Any]) -> None:
    assert pod["metadata"]["namespace"] == "soc-copilot"
    assert pod["spec"]["nodeSelector"] == {"pool": "stages", "disk": "ssd"}
    assert pod["spec"]["tolerations"] == [
        {"key": "stages", "operator": "Exists", "effect": "NoSchedule"}
    ]


@pytest.mark.parametrize("text", ["pool", "=x", "a=b,,"])
def test_an_unreadable_node_selector_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="PIPELINE_NODE_SELECTOR"):
        node_selector({"PIPELINE_NODE_SELECTOR": text})


@pytest.mark.parametrize("text", ["yes", "{}x", '[{"colour": "red"}]', '["a"]', "7"])
def test_unreadable_tolerations_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="PIPELINE_TOLERATIONS"):
        tolerations({"PIPELINE_TOLERATIONS": text})


@pytest.mark.parametrize(
    ("usage", "attempt", "kind"),
    [(True, 1, AirflowFailException), (False, 1, AirflowException), (True, 2, AirflowException)],
)
def test_only_a_pod_that_failed_on_its_input_is_not_retried(
    servers: Servers,
    pod_dag: DAG,
    monkeypatch: pytest.MonkeyPatch,
    usage: bool,
    attempt: int,
    kind: type[Exception],
) -> None:
    def fails(*_: object) -> None:
        raise AirflowException("Pod soc-ingest returned a failure")

    # all that a cluster would add: the exception of a pod that ended with another code than 0
    monkeypatch.setattr(KubernetesPodOperator, "execute", fails)
    monkeypatch.setattr(pod_launcher, "object_storage", lambda: servers.hook)
    run = Run(servers)
    run.fail("ingest", "conn.log: no header", attempt=attempt, usage=usage)
    task: Any = pod_dag.get_task("ingest")
    with pytest.raises(AirflowException) as caught:
        StagePod.execute(task, {"run_id": run.run_id, "ti": SimpleNamespace(try_number=1)})  # type: ignore[typeddict-item]
    assert type(caught.value) is kind
    reason = "conn.log: no header" if attempt == 1 else "Pod soc-ingest returned a failure"
    assert str(caught.value) == reason
