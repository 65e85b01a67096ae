"""The chat as people use it: Chromium against the real application over the tiny book."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.ui.conftest import PASSWORD, Site, chromium

QUESTION = "Who should I call this week, and why?"
BOX = "#sc-box textarea"
ASKED = "#sc-messages .user-row"
FOOT = "#sc-messages .sc-foot"
LIKE = "#sc-messages button[title=Like]:visible"
HOSTILE = (
    "<img src=x onerror=alert(1)> ![p](http://evil.example/p.png) [l](javascript:alert(2)) "
    "<script>alert(3)</script> http://evil.example/q $$x$$ {{t1.rows[0].name}}"
)
Enter = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests here."""
    place = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(place), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def logged() -> Iterator[list[str]]:
    """Every address any page asked for; the last word belongs to the whole module."""
    urls: list[str] = []
    yield urls
    foreign = {url for url in urls if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))}
    assert foreign == set()
    assert len(urls) > 100


@pytest.fixture
def enter(browser: Any, site: Site, logged: list[str]) -> Iterator[Enter]:
    """Open a new browser as somebody and log in; dialogs and page errors fail the test."""
    contexts, faults = [], []

    def opened(username: str | None, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.on("request", lambda request: logged.append(request.url))
        page = context.new_page()
        page.on("dialog", lambda dialog: faults.append(dialog.message) or dialog.dismiss())  # type: ignore[func-returns-value]
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(site.url)
        if username:
            log_in(page, username, PASSWORD)
            page.wait_for_selector("#sc-book-rows :is(table, .sc-empty)", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def log_in(page: Any, username: str, password: str) -> None:
    page.fill("#username", username)
    page.fill("#password", password)
    page.click("main button")


def send(page: Any, question: str) -> None:
    """Type and press Enter, again where the turn before was not quite over: the text stays until it is taken."""
    from playwright.sync_api import TimeoutError as Late

    read = f"[...document.querySelectorAll('{ASKED}')].map((one) => one.innerText).join()"
    taken = f"{read} !== {json.dumps(page.evaluate(read))}"
    page.fill(BOX, question)
    for patience in (10_000, 10_000, 40_000):
        page.press(BOX, "Enter")
        with suppress(Late):
            page.wait_for_function(taken, timeout=patience)
            return
    pytest.fail(f"{question} was not taken")


def ask(page: Any, question: str = QUESTION) -> None:
    """Ask and wait until the turn is over."""
    before = page.locator(FOOT).count()
    send(page, question)
    page.wait_for_function(f"document.querySelectorAll('{FOOT}').length > {before}")


def test_a_wrong_password_and_an_unknown_user_read_the_same_and_the_right_one_opens_the_chat(enter: Enter) -> None:
    page = enter(None)
    said = []
    for name in ("ana", "nobody-here"):
        log_in(page, name, "wrong password")
        said.append(page.inner_text(".error"))
        assert not page.context.cookies()
    assert said == ["The user name or the password is not right."] * 2
    log_in(page, "ana", PASSWORD)
    page.wait_for_selector("#sc-book-rows table")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("copilot_session", True, "Strict")
    assert page.title() == "Sales copilot"
    assert "ana rep" in page.inner_text("#sc-header").replace("\n", " ")


def test_a_question_is_answered_with_the_askers_own_accounts_and_every_number_shows_its_source(
    enter: Enter, site: Site
) -> None:
    page = enter("ana")
    ask(page)
    answer = page.inner_text("#sc-messages")
    assert all(name in answer for name in site.ranked["ana"][:3])
    assert "as of 2026-06-30" in answer
    assert "answered by rules, without a language model" in answer
    numbers = page.locator("#sc-messages abbr.sc-n")
    titles = numbers.evaluate_all("found => found.map(one => one.title)")
    assert len(titles) > 20
    assert all(" · " in title and len(title) > 8 for title in titles)
    spend = page.locator("#sc-messages td abbr", has_text="$").first
    assert spend.get_attribute("title").endswith(" · usd")
    assert "snapshot" in spend.get_attribute("title")


def test_a_step_and_the_sources_unfold_by_keyboard(enter: Enter) -> None:
    page = enter("ana")
    ask(page, "Which accounts renew in the next 90 days?")
    step, sources = page.locator("#sc-messages .thought-group").first, page.locator("#sc-messages .thought-group").last
    assert "Ranked your accounts" in step.inner_text()
    assert "rank_accounts" in step.inner_text()
    step.locator("td").first.wait_for(state="hidden")  # it was open while it ran
    step.locator("[role=button]").press("Enter")
    step.locator("td", has_text="renewal within days").wait_for()
    assert step.locator("td", has_text="90").count() == 1
    assert "Where these numbers come from" in sources.inner_text()
    sources.locator("[role=button]").press("Enter")
    sources.locator("table").wait_for()
    assert sources.locator("th").all_inner_texts() == ["Value", "What it is", "Source"]
    assert sources.locator("td", has_text="scores: accounts[").count() > 5


def test_a_thumb_is_kept_for_the_turn_it_stands_under(enter: Enter, site: Site) -> None:
    page = enter("ana")
    ask(page)
    ask(page, "Sum up my book by action")
    assert page.locator(LIKE).count() == 2
    page.locator(LIKE).first.click()
    page.get_by_text("Thank you, noted.").wait_for()
    page.locator("#sc-messages button[title=Dislike]:visible").last.click()
    page.get_by_text("Thank you, noted.").nth(1).wait_for()
    thread = site.store.threads("ana")[0][0]
    numbers = [number for number, _ in site.store.numbered_turns(thread, "ana")]
    kept = [(e["username"], e["subject"], e["data"]) for e in site.store.events("thumb")][-2:]
    assert kept == [
        ("ana", f"turn-{number}", {"thread": thread, "liked": liked})
        for number, liked in zip(numbers, (True, False), strict=True)
    ]


def test_what_an_answer_proposes_is_approved_and_taken_back_below_it(enter: Enter, site: Site) -> None:
    page = enter("ana")
    name = site.ranked["ana"][0]
    line = page.locator("#sc-approval .sc-approval")
    ask(page, f"Mark {name} as done")
    assert "Nothing is changed yet" in page.inner_text("#sc-messages")
    assert name in line.inner_text()
    assert line.locator("button").all_inner_texts() == ["Approve", "Reject"]
    before = len(site.store.events("feedback"))
    line.get_by_text("Approve").click()
    line.get_by_text("Take it back").wait_for()
    assert f"Noted for {name}: done" in line.inner_text()
    assert len(site.store.events("feedback")) == before + 1
    page.reload()  # the line comes back with its conversation, as it stands
    page.locator("#sc-thread-list button").first.click()
    line.get_by_text("Take it back").click()
    line.get_by_text("is taken back").wait_for()
    assert line.locator("button").count() == 0
    assert site.store.events("feedback_undone")[-1]["data"] == {"event": site.store.events("feedback")[-1]["id"]}
    ask(page, f"Mark {name} as done")
    line.get_by_text("Reject").click()
    line.get_by_text("nothing was changed").wait_for()
    ask(page, "Sum up my book by action")
    assert line.count() == 0
    assert len(site.store.events("feedback")) == before + 1


def test_what_a_reader_says_of_an_explanation_is_kept_and_asked_under_explanations_alone(
    enter: Enter, site: Site
) -> None:
    page = enter("ana")
    asked = page.locator("#sc-opinion")
    assert not asked.is_visible()
    ask(page)
    hard = asked.get_by_label("clear: no")
    hard.click()
    page.locator("#sc-opinion [aria-label='clear: no'][aria-pressed=true]").wait_for()
    asked.get_by_label("of use: yes").press("Enter")
    page.locator("#sc-opinion [aria-label='of use: yes'][aria-pressed=true]").wait_for()
    assert asked.locator("[aria-pressed=true]").count() == 2
    kept = [(e["username"], e["data"]["aspect"], e["data"]["praise"]) for e in site.store.events("satisfaction")[-2:]]
    assert kept == [("ana", "clear", False), ("ana", "actionable", True)]
    ask(page, "How many open deals do I have?")
    asked.wait_for(state="hidden")


def test_each_user_sees_only_their_own_conversations_and_accounts(enter: Enter, site: Site) -> None:
    ana, otto = enter("ana"), enter("otto")
    ask(ana, "Tell me about " + site.ranked["ana"][0])
    ana.locator("#sc-thread-list", has_text=site.ranked["ana"][0]).wait_for()
    seen = otto.inner_text("body")
    assert site.ranked["otto"][0] in seen
    assert not [name for name in site.ranked["ana"] if name in seen]
    ask(otto, "Tell me about " + site.ranked["ana"][0])
    assert "There is no account" in otto.inner_text("#sc-messages")


def test_an_old_conversation_opens_from_the_list_and_goes_on(enter: Enter, site: Site) -> None:
    page = enter("mia")
    ask(page, "Sum up my book by region")
    thread = site.store.threads("mia")[0][0]
    page.click("#sc-new")
    page.get_by_text("Ask about your accounts").first.wait_for()
    assert page.locator(FOOT).count() == 0
    page.reload()
    page.click(f"[data-thread='{thread}']")
    page.wait_for_selector(FOOT)
    assert "Sum up my book by region" in page.inner_text("#sc-messages .user-row")
    assert page.locator("#sc-messages .thought-group").count() == 2  # its step and its sources
    ask(page, "And by segment?")
    assert [turn.question for turn in site.store.turns(thread, "mia")] == [
        "Sum up my book by region",
        "And by segment?",
    ]


def test_a_starter_asks_when_clicked_and_a_question_back_offers_buttons(enter: Enter) -> None:
    page = enter("ana")
    starters = page.locator("#sc-messages .example")
    starters.first.wait_for()
    assert starters.count() == 4
    starters.filter(has_text="Plan my week").click()
    page.wait_for_selector(FOOT)
    assert "Plan my week" in page.inner_text("#sc-messages .user-row")
    ask(page, "forecast")
    choice = page.locator("#sc-messages .option").first
    label = choice.inner_text()
    choice.click()
    page.wait_for_function(f"document.querySelectorAll('{FOOT}').length === 3")
    assert label in page.locator("#sc-messages .user-row").last.inner_text()


def test_a_click_in_the_book_puts_a_question_into_the_box(enter: Enter, site: Site) -> None:
    page = enter("ana")
    assert page.locator("#sc-book-rows td.sc-name").all_inner_texts() == site.ranked["ana"]
    page.click("#sc-book-rows [data-row='1'] td.sc-rank")
    page.wait_for_function(f"document.querySelector('{BOX}').value")
    assert page.input_value(BOX) == f"Tell me about {site.ranked['ana'][1]}."


def test_a_failure_is_one_sentence_and_the_question_stays_in_the_box(enter: Enter) -> None:
    page = enter("ana")
    for question, sentence in [
        ("Fail in one sentence", "There is no snapshot yet; run `sales-copilot score` <b>first</b>."),
        ("Fail unexpectedly", "Something went wrong on our side; it is logged. Your question is kept: try it again."),
    ]:
        send(page, question)
        page.get_by_text(sentence, exact=True).wait_for()
        page.wait_for_function(f"document.querySelector('{BOX}').value === '{question}'")
    assert "inside of the machine" not in page.content()


def test_stopping_ends_the_answer_and_gives_the_question_back(enter: Enter, site: Site) -> None:
    page = enter("otto")
    before = [asked for _, _, asked in site.store.threads("otto")]
    question = "Slowly now: who should I call this week?"
    page.fill(BOX, question)
    page.press(BOX, "Enter")
    page.get_by_text("Ranking your accounts").wait_for()
    page.click("#sc-box .stop-button")
    page.get_by_text("Stopped. Your question is in the box again.").wait_for()
    page.wait_for_function(f"document.querySelector('{BOX}').value === '{question}'")
    ask(page, "Sum up my book by action")  # while the stopped turn still waits
    assert not site.gate.is_set()
    site.gate.set()
    assert [asked for _, _, asked in site.store.threads("otto")] == ["Sum up my book by action", *before]


def test_shift_enter_makes_a_line_and_enter_sends(enter: Enter) -> None:
    page = enter("ana")
    page.fill(BOX, "Sum up my book")
    page.press(BOX, "Shift+Enter")
    page.locator(BOX).press_sequentially("by action")
    assert page.input_value(BOX) == "Sum up my book\nby action"
    page.press(BOX, "Enter")
    page.wait_for_selector(FOOT)
    assert page.inner_text("#sc-messages .user-row .message-content").split() == "Sum up my book by action".split()


def test_a_hostile_question_is_shown_as_it_was_typed_and_does_nothing(enter: Enter, site: Site) -> None:
    page = enter("ana")
    ask(page, HOSTILE)
    shown = page.inner_text("#sc-messages .user-row .message-content")
    assert shown.strip() == HOSTILE
    page.reload()
    thread = site.store.threads("ana")[0][0]
    page.click(f"[data-thread='{thread}']")
    page.wait_for_selector(FOOT)
    assert page.inner_text("#sc-messages .user-row .message-content").strip() == HOSTILE
    assert page.inner_text(f"[data-thread='{thread}'] span") == HOSTILE[:120].strip()
    assert page.locator("#sc-messages :is(img, a, script, iframe)").count() == 0
    assert page.locator("#sc-threads :is(img, a, script, iframe)").count() == 0


def test_the_copy_button_copies_what_is_read_without_markup(enter: Enter, site: Site) -> None:
    page = enter("ana", permissions=["clipboard-read", "clipboard-write"])
    ask(page)
    page.locator("#sc-messages .bot-row button[title='Copy message']:visible").click()
    page.wait_for_selector(".sc-copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert site.ranked["ana"][0] in copied
    assert "<abbr" not in copied
    assert "&#" not in copied


def test_the_page_says_what_is_missing_in_place_of_the_book_and_admins_read_no_accounts(enter: Enter) -> None:
    analyst, admin = enter("noor"), enter("ada")
    assert "run `sales-copilot score`" in analyst.inner_text("#sc-book-rows .sc-empty")
    assert "The role admin reads no accounts." in admin.inner_text("#sc-messages")
    assert admin.locator(BOX).is_disabled()
    assert admin.locator("#sc-messages .example").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_panels_fold_out(enter: Enter, scheme: str) -> None:
    page = enter("ana", viewport={"width": 390, "height": 800}, color_scheme=scheme)
    ask(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('#sc-header .sc-out').getBoundingClientRect().right") <= 390
    for name in ("threads", "book"):
        assert not page.locator(f"#sc-{name}").is_visible()
        page.click(f"[data-toggle={name}]")
        page.locator(f"#sc-{name}").wait_for(state="visible")
    page.click("#sc-book-rows [data-row='0'] button")
    page.wait_for_function(f"document.querySelector('{BOX}').value")
    assert not page.locator("#sc-book").is_visible()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background.strip("rgba()").split(",")[0]) < 60) == (scheme == "dark")


def test_logging_out_leads_to_the_login_page_and_so_does_a_session_that_ended_meanwhile(
    enter: Enter, site: Site
) -> None:
    page = enter("otto")
    page.click(".sc-out")
    page.wait_for_url("**/login")
    page.goto(site.url)
    assert page.url.endswith("/login")
    site.store.add_user("guest", "rep", "R-otto", restore=True)
    site.store.set_password("guest", PASSWORD)
    log_in(page, "guest", PASSWORD)
    page.wait_for_selector("#sc-book-rows table")
    site.store.remove_user("guest")
    page.fill(BOX, QUESTION)
    page.press(BOX, "Enter")
    page.wait_for_url("**/login")
