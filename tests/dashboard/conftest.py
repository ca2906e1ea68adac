"""A served app over real stores, and a browser that notes what it asks for and complains about."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from dashboard.store.results import Results
from dashboard.store.settings import StoreSettings
from tests.services import AuditDatabase

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@dataclass(frozen=True)
class Stores:
    """A folder store and an audit database of one test, and the app's settings for them."""

    folder: Path
    database: AuditDatabase

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.database.environment(),
            "SOC_STORE": str(self.folder / "store"),
            "SOC_CACHE_DIR": str(self.folder / "cache"),
        }

    @property
    def settings(self) -> StoreSettings:
        env = self.environment
        return StoreSettings(
            pg_host=env["PG_HOST"],
            pg_port=int(env["PG_PORT"]),
            pg_user=env["PG_USER"],
            pg_password=env["PG_PASSWORD"],
            pg_database=env["PG_DATABASE"],
            soc_store=Path(env["SOC_STORE"]),
            soc_cache_dir=Path(env["SOC_CACHE_DIR"]),
        )

    def results(self) -> Results:
        return Results(self.settings)


@pytest.fixture
def stores(tmp_path: Path, audit_database: AuditDatabase) -> Stores:
    return Stores(tmp_path, audit_database)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """A running app."""

    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, str]], Served]]:
    """Starts ``python -m dashboard`` with an environment; stops it after the test."""
    running: list[Served] = []

    def start(environment: dict[str, str]) -> Served:
        port = free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG_", "AWS_", "SOC_"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard", "--port", str(port)],
            cwd=PROJECT,
            env={**kept, **environment},
        )
        served = Served(f"http://127.0.0.1:{port}/", process)
        running.append(served)
        until = time.monotonic() + 60
        while True:
            try:
                with urlopen(f"{served.url}health", timeout=2) as answer:
                    assert answer.status == 200
                return served
            except OSError:
                assert process.poll() is None, "the app ended"
                assert time.monotonic() < until, "the app does not answer"
                time.sleep(0.1)

    yield start
    for served in running:
        served.process.kill()
        served.process.wait(timeout=10)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on PATH (chromium, chromium-browser or google-chrome)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Watched:
    """A browser page, with what it asked of other hosts and what it complained about."""

    page: Page
    url: str
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, search: str = "") -> None:
        self.page.goto(self.url + search)

    def shown(self, name: str) -> None:
        """Wait for the part of the page with this test id."""
        self.page.get_by_test_id(name).first.wait_for()

    def text(self, name: str) -> str:
        return self.page.get_by_test_id(name).first.inner_text()

    def search(self, pattern: str) -> None:
        """Wait until the address matches."""
        self.page.wait_for_url(re.compile(pattern))

    def assert_clean(self) -> None:
        assert self.elsewhere == []
        assert self.complaints == []
        assert self.dialogs == []


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    contexts = []

    def start(url: str, width: int = 1280, height: int = 900) -> Watched:
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(45_000)
        watched = Watched(page, url)

        def own(address: str) -> bool:
            here = url.removeprefix("http:")
            return address.startswith((url, f"ws:{here}", f"blob:{url}", "data:"))

        def note(kind: str, text: str) -> None:
            if kind in ("error", "warning"):
                watched.complaints.append(f"{kind}: {text}")

        def dismiss(dialog: Dialog) -> None:
            watched.dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("request", lambda r: None if own(r.url) else watched.elsewhere.append(r.url))
        page.on("websocket", lambda w: None if own(w.url) else watched.elsewhere.append(w.url))
        page.on("console", lambda m: note(m.type, m.text))
        page.on("pageerror", lambda e: watched.complaints.append(str(e)))
        page.on("dialog", dismiss)
        return watched

    yield start
    for context in contexts:
        context.close()
