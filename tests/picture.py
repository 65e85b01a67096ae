"""Take README's picture: the chat over the tiny demo book, worded by the embedded model. Run by `make picture`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "chat.png"
LARGEST = 300 * 1024


def main() -> None:
    """Start the chat as a newcomer does, log in as ana, ask, unfold the step, take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(sys.executable).with_name("sales-copilot"), "run", "--preset", "tiny", "--port", "7911"]
        chat = subprocess.Popen([*command, "--workspace", folder], stdout=subprocess.PIPE, text=True)
        try:
            assert chat.stdout is not None
            password = url = ""
            for line in chat.stdout:
                password = password or "".join(re.findall(r"^\s*ana\s+rep\s+(\S+)", line))
                url = "".join(re.findall(r"http://\S+", line))
                if url:
                    break
            take(url, password)
        finally:
            chat.terminate()
    size = PICTURE.stat().st_size
    assert size <= LARGEST, f"{PICTURE.name} has {size} bytes; {LARGEST} are allowed"


def take(url: str, password: str) -> None:
    """Drive the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 1060})
        page.goto(url)
        page.fill("input[name=username]", "ana")
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_selector("textarea")
        page.wait_for_timeout(25_000)  # the embedded model warms up behind the screen
        page.fill("textarea", "Who should I call this week, and why?")
        page.keyboard.press("Enter")
        page.get_by_text("answered by the embedded model").wait_for(timeout=120_000)
        page.get_by_text("Ranked your accounts").first.click()
        page.wait_for_timeout(1000)
        page.mouse.move(5, 5)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
