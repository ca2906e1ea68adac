"""The ``pod`` launcher: a stage as a pod of its own, for a cluster.

Settings, all optional: ``PIPELINE_NAMESPACE``, ``PIPELINE_IMAGE``, ``PIPELINE_SERVICE_ACCOUNT``,
``PIPELINE_NODE_SELECTOR`` (``key=value,…``), ``PIPELINE_TOLERATIONS`` (a JSON list as in a pod
spec), ``PIPELINE_IMAGE_PULL_SECRET``. Secret ``minio-credentials`` of the namespace holds
AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION; Airflow never sees it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import models as k8s  # type: ignore[import-untyped]

from contracts.layers import Stage, run_slug
from dags.connections import explained, object_storage
from dags.outcomes import last_failure
from dags.stages import StageSpec

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

CREDENTIALS_SECRET = "minio-credentials"  # noqa: S105  the name of a Secret, not a secret
STAGE_USER = 10001
"""User, group and fsGroup of the task image: no user of any node."""
TERMINATION_SECONDS = 30
"""A stage that is asked to end has this long to say so in failure.json."""


class StagePod(KubernetesPodOperator):
    """A stage's pod; a failure that a retry cannot mend (exit 2) fails the task at once."""

    def __init__(self, *, stage: Stage, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage: Stage = stage

    def execute(self, context: Context) -> None:
        try:
            super().execute(context)
        except AirflowException as error:
            with explained():
                failure = last_failure(
                    object_storage(),
                    run_slug(context["run_id"]),
                    self.stage,
                    context["ti"].try_number,
                )
            if failure is None:
                raise
            kind = AirflowFailException if failure.usage else AirflowException
            raise kind(failure.reason) from error


def pod_task(stage: StageSpec) -> BaseOperator:
    """The task of a stage; without its house defaults, which the DAG gives."""
    env = os.environ
    pull_secret = env.get("PIPELINE_IMAGE_PULL_SECRET")
    return StagePod(
        stage=stage.name,
        task_id=stage.name,
        execution_timeout=stage.timeout,
        name=f"soc-{stage.name}",
        namespace=env.get("PIPELINE_NAMESPACE", "soc-copilot"),
        image=env.get("PIPELINE_IMAGE", "soc-copilot-task:0.1.0"),
        image_pull_policy="IfNotPresent",
        image_pull_secrets=[k8s.V1LocalObjectReference(name=pull_secret)] if pull_secret else None,
        cmds=["python", "-m", "tasks"],
        arguments=list(stage.argv),
        env_vars={"PYTHONUNBUFFERED": "1", "HOME": "/tmp", "SOC_LOG_FORMAT": "json"},  # noqa: S108
        secrets=[Secret("env", None, CREDENTIALS_SECRET)],  # type: ignore[no-untyped-call]
        labels={"app.kubernetes.io/part-of": "soc-copilot", "soc-copilot/stage": stage.name},
        service_account_name=env.get("PIPELINE_SERVICE_ACCOUNT", "soc-stage"),
        automount_service_account_token=False,
        node_selector=node_selector(env),
        tolerations=tolerations(env),
        container_resources=k8s.V1ResourceRequirements(
            requests={
                "cpu": stage.cpu_request,
                "memory": stage.memory,
                "ephemeral-storage": stage.scratch,
            },
            limits={
                "cpu": stage.cpu_limit,
                "memory": stage.memory,
                "ephemeral-storage": stage.scratch,
            },
        ),
        security_context=k8s.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=STAGE_USER,
            run_as_group=STAGE_USER,
            fs_group=STAGE_USER,
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        container_security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
        ),
        volumes=[
            k8s.V1Volume(
                name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=stage.scratch)
            )
        ],
        volume_mounts=[k8s.V1VolumeMount(name="scratch", mount_path="/tmp")],  # noqa: S108
        active_deadline_seconds=int(stage.timeout.total_seconds()),
        termination_grace_period=TERMINATION_SECONDS,
        startup_timeout_seconds=600,  # a cold node pulls the image first
        deferrable=False,
        get_logs=True,
        on_finish_action="delete_pod",
        # it prints the values of environment variables
        log_pod_spec_on_failure=False,
        log_events_on_failure=True,
        termination_message_policy="FallbackToLogsOnError",
    )


def node_selector(env: Mapping[str, str]) -> dict[str, str] | None:
    """``PIPELINE_NODE_SELECTOR`` as a dict; raises ValueError where it is not ``key=value,…``."""
    text = env.get("PIPELINE_NODE_SELECTOR", "").strip()
    if not text:
        return None
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(key.strip() and equals for key, equals, _ in pairs):
        raise ValueError(f"PIPELINE_NODE_SELECTOR is {text!r}: write key=value,key=value")
    return {key.strip(): value.strip() for key, _, value in pairs}


def tolerations(env: Mapping[str, str]) -> list[k8s.V1Toleration] | None:
    """``PIPELINE_TOLERATIONS`` as models; raises ValueError where it is no list of tolerations."""
    text = env.get("PIPELINE_TOLERATIONS", "").strip()
    if not text:
        return None
    names = {json_name: name for name, json_name in k8s.V1Toleration.attribute_map.items()}
    try:
        return [
            k8s.V1Toleration(**{names[key]: value for key, value in toleration.items()})
            for toleration in json.loads(text)
        ]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(
            f"PIPELINE_TOLERATIONS is not a list of tolerations ({error!r}): write for example "
            f'[{{"key": "soc", "operator": "Exists", "effect": "NoSchedule"}}]'
        ) from None
