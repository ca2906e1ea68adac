"""``python -m tests.dashboard.take_screenshots URL FOLDER``: pictures of a running app."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.dashboard.conftest import CHROMIUM, FLAGS

WIDTH, HEIGHT = 1280, 860
PHONE = (390, 844)


def take(url: str, folder: Path) -> None:
    """Every page, light and dark, and the alerts on a phone, as ``FOLDER/<page>[-dark].png``."""
    found = next(path for name in CHROMIUM if (path := shutil.which(name)))
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(90_000)
        page.goto(url)
        page.get_by_test_id("alerts").locator("tbody tr").first.click()
        page.get_by_test_id("around").wait_for()
        alert = page.url.partition("?")[2]
        views = {
            "alerts": ("", "alerts"),
            "alert": (alert, "around"),
            "events": ("page=events", "events"),
            "metrics": ("page=metrics", "metrics"),
            "history": ("page=history", "history"),
        }
        for name, (search, part) in views.items():
            for suffix, dark in (("", ""), ("-dark", "&dark=1")):
                _picture(page, f"{url}?{search}{dark}", part, folder / f"{name}{suffix}.png")
        phone = browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]})
        phone.set_default_timeout(90_000)
        _picture(phone, url, "alerts", folder / "alerts-phone.png")
        browser.close()


def _picture(page: Page, url: str, part: str, path: Path) -> None:
    page.goto(url)
    page.get_by_test_id(part).wait_for()
    page.wait_for_function("document.fonts.status === 'loaded'")
    page.wait_for_timeout(500)  # Material's labels glide into place
    page.screenshot(path=path)


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
