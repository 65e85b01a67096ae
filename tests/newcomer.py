"""Do what a newcomer does: `make run`, log in as ana, ask. Prints what was seen; `make picture` keeps a picture.

Run as a script it needs Chromium, and no network but this machine's own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
QUESTION = "Who should I call this week, and why?"
LARGEST = 300 * 1024  # bytes of the picture


@contextmanager
def running(command: list[str], workspace: Path) -> Iterator[tuple[str, str]]:
    """Run a command until it says where the chat is; yield the address and all it said, and end it by Ctrl-C."""
    env = {**os.environ, "SALES_COPILOT_WORKSPACE": str(workspace)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    said = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if found := re.search(r"http://[\w.:]+", line):
                yield found[0], said
                break
        else:
            raise AssertionError(f"it ended before the chat was open:\n{said}")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def password_of(said: str, user: str) -> str:
    """Return the one-time password that was printed."""
    found = re.search(rf"^\s*{user}\s+\w+\s+(\S+)", said, re.MULTILINE)
    assert found, said
    return found[1]


def visit(url: str, password: str, *, warm: float, tries: int = 1, picture: Path | None = None) -> dict[str, Any]:
    """Log in as ana, ask the question, and return what was seen.

    Args:
        url: Of the chat.
        password: Ana's.
        warm: Seconds to leave the embedded model to load and read its standing texts.
        tries: How often to ask until the embedded model has worded the answer.
        picture: Where to keep a picture of the answer.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1390})
        hosts: set[str] = set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
        page.goto(url)
        page.fill("input[name=username]", "ana")
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.get_by_text("Your ranked book").wait_for()
        page.wait_for_timeout(1000 * warm)
        page.fill("textarea", QUESTION)
        began = time.monotonic()
        page.keyboard.press("Enter")
        answer = page.locator(".message.bot", has_text="renews on").first
        answer.wait_for(timeout=60_000)
        first = time.monotonic() - began
        feet = page.get_by_text(re.compile(r"answered by (the|rules)"))
        feet.first.wait_for(timeout=180_000)
        total = time.monotonic() - began
        for again in range(1, tries):  # a machine that is busy with other things may be too slow for the model at first
            if "embedded model" in feet.last.inner_text():
                break
            page.wait_for_timeout(20_000)
            page.fill("textarea", QUESTION)
            page.keyboard.press("Enter")
            feet.nth(again).wait_for(timeout=180_000)
        answer, foot = page.locator(".message.bot", has_text="renews on").last, feet.last
        page.get_by_text("Ranked your accounts").first.click()
        page.wait_for_timeout(800)
        page.mouse.move(5, 5)
        if picture:
            page.screenshot(path=picture)
            shrink(picture)
            assert picture.stat().st_size <= LARGEST, f"{picture} has {picture.stat().st_size} bytes of {LARGEST}"
        seen = {
            "first_seconds": round(first, 2),
            "total_seconds": round(total, 2),
            "foot": foot.inner_text(),
            "answer": answer.inner_text(),
            "book": page.locator("#sc-book-rows").inner_text(),
            "hosts": sorted(hosts),
        }
        browser.close()
    return seen


def shrink(picture: Path) -> None:
    """Keep 200 colours: a screen has few, and the file is a third."""
    from PIL import Image

    with Image.open(picture) as whole:
        few = whole.convert("RGB").quantize(200, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def main() -> None:
    """Run, visit, print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("workspace", type=Path)
    given.add_argument("--password", help="Ana's; read from what the command prints unless given.")
    given.add_argument("--warm", type=float, default=30)
    given.add_argument("--tries", type=int, default=1)
    given.add_argument("--picture", type=Path)
    given.add_argument("command", nargs="+")
    asked = given.parse_args()
    with running(asked.command, asked.workspace) as (url, said):
        password = asked.password or password_of(said, "ana")
        print(json.dumps(visit(url, password, warm=asked.warm, tries=asked.tries, picture=asked.picture)))


if __name__ == "__main__":
    main()
