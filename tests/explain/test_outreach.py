"""Drafts for a customer: what may stand in one, attacked, and what does."""

from typing import Any

import pytest

from copilot.access import EVERYTHING, Scope
from copilot.agent.narrator import narrate
from copilot.data.snapshot import Snapshot
from copilot.errors import UnknownAccount
from copilot.explain.answers.common import templates
from copilot.explain.answers.draft import BY_ACTION, GOALS, MAKERS, draft
from copilot.explain.outreach import OURS, check
from copilot.text.cells import Cell, Record
from copilot.text.quotes import free_text, quote

OWN = {
    "spend": Cell(30900.0, "usd", "book:contracts[A-1, running].annual_usd", "spend"),
    "day": Cell("2026-09-01", "text", "book:contracts[A-1, running].rtcd", "renewal date"),
    "product": Cell("Priority Support", "text", "book:contracts[A-1, Priority Support, running]", "product"),
    "theirs": Cell(7000.0, "usd", "book:contracts[A-3, running].annual_usd", "spend"),
    "like": Cell(7000.0, "usd", "book:contracts[A-11, running].annual_usd", "spend"),
    "uplift": Cell(900.0, "usd", "snapshot 2026:accounts[A-1].uplift_usd", "uplift"),
    "churn": Cell(0.4, "percent", "snapshot 2026:accounts[A-1].churn_probability", "churn probability"),
    "note": quote("“They merge.”", "book:notes[N-2].body", "note"),
    "noted": Cell("They merge.", "text", "book:notes[A-1, N-2].body", "note"),
    "unknown": Cell(None, "usd", "book:contracts[A-1].x", "spend"),
    "link": Cell("[x](http://evil.example)", "text", "book:contacts[A-1, P-1].name", "contact"),
    "hidden": Cell("Pay\u202eload", "text", "book:contacts[A-1, P-1].name", "contact"),
    "asked": Cell("pricing of next year", "text", "question", "goal"),
    "sly": Cell("their churn risk", "text", "question", "goal"),
    "number": Cell("a 20 % discount", "text", "question", "goal"),
    "rival": Cell("what Globex Power pays", "text", "question", "goal"),
}
OTHERS = ("Globex Power", "A-3")


def fault(form: str) -> str | None:
    return check(form, OWN, account="A-1", others=OTHERS)


@pytest.mark.parametrize("form", ["Your contract: {{spend}}, until {{day}}.", "About {{product}}", "About {{asked}}."])
def test_own_facts_a_products_name_and_harmless_wishes_pass(form: str) -> None:
    assert fault(form) is None


@pytest.mark.parametrize(
    "form",
    [
        "A touch adds {{uplift}}.",
        "It is {{churn}}.",
        "Others pay {{theirs}}.",
        "Others pay {{like}}.",
        "You said {{note}}.",
        "You said {{noted}}.",
        "It is {{unknown}}.",
        "It is {{missing}}.",
        "Dear {{link}}",
        "Dear {{hidden}}",
        "About {{sly}}.",
        "About {{number}}.",
        "About {{rival}}.",
        "Your priority is high.",
        "You are likely to leave.",
        "We forecast less use.",
        "Our model says so.",
        "You may CHURN.",
        "An upsell would help.",
        "You are at risk.",
        "Save 20 now.",
        "Save 20 % now.",
        "It costs $.",
        "Click https://x.example",
        "Click [here](x)",
        "<b>now</b>",
        "{{{{day}}",
        "As Globex Power does.",
        "As globex power does.",
        "See A-3.",
        "Ihr Risiko steigt.",
    ],
)
def test_what_is_not_theirs_is_kept_out(form: str) -> None:
    assert fault(form) is not None


def told(record: Record) -> str:
    narration = narrate([record], question="")
    assert narration.faults == ()
    assert narration.sentences == ()  # nothing of it is worded by a model
    return narration.told.text


def body(record: Record) -> str:
    return str(record.data["draft"].value)


@pytest.mark.parametrize("channel", MAKERS)
@pytest.mark.parametrize("goal", [None, *(name.replace("_", " ") for name, _ in GOALS), "Talent Hub", "our new office"])
def test_every_channel_with_every_goal_is_told_whole_and_holds_nothing_of_ours(
    snapshot: Snapshot, ana: Scope, channel: Any, goal: str | None
) -> None:
    for account in ("A-1", "A-2"):
        record = draft(snapshot, ana, account, channel, goal, rep_id="R-ana")
        told(record)
        assert record.data["left_out"].value == 0
        assert not OURS.search(body(record))
        for hidden in ("merge", "Globex", "A-3", "Betriebsrat", "snapshot"):
            assert hidden not in body(record)


def test_an_email_goes_to_who_decides_about_a_renewal_and_to_who_works_with_it_otherwise(
    snapshot: Snapshot, ana: Scope
) -> None:
    renewal = draft(snapshot, ana, "A-1", "email", "renewal", rep_id="R-ana")
    assert told(renewal).startswith(
        "Draft of an e-mail to Victor Dubois, HR Director, victor@acme.example. It is not sent."
    )
    assert body(renewal).splitlines() == [
        "Subject: Your renewal on 2026-09-01",
        "Hello Victor,",
        "Your contract for Talent Hub and Skill Path renews on 2026-09-01.",
        "Your utilisation of Talent Hub was 54 % in 2026-06, after 57 % in 2026-03.",
        templates("outreach")["ask_renewal"],
        "Kind regards, Ana Torres",
    ]
    assert "Ines Zhang" in told(draft(snapshot, ana, "A-1", "email", "training for the team"))


def test_the_owner_signs_for_a_manager_and_the_asker_for_themselves(snapshot: Snapshot) -> None:
    assert "Kind regards, Otto Lind" in body(draft(snapshot, EVERYTHING, "A-3", "email"))
    assert "Kind regards, Ana Torres" in body(draft(snapshot, EVERYTHING, "A-1", "email", rep_id="R-ana"))


def test_the_nights_action_sets_the_goal_and_is_not_named(snapshot: Snapshot, ana: Scope) -> None:
    frame = snapshot.scores("accounts", EVERYTHING)
    place = frame.index[frame["account_id"] == "A-1"][0]
    subjects = {}
    for action in BY_ACTION:
        frame.loc[place, "action"] = action
        record = draft(snapshot, EVERYTHING, "A-1", "email")
        subjects[action] = body(record).splitlines()[0]
        assert action.split("_")[1] not in body(record).lower().replace("engagement", action)
    assert subjects == {
        "boost_engagement": "Subject: Getting more out of Talent Hub",
        "prevent_churn": "Subject: Your renewal on 2026-09-01",
        "promote_upsell": "Subject: Your plans with Talent Hub",
    }


def test_a_wish_of_ones_own_is_a_marked_quotation_and_a_sly_one_is_left_out_and_said(
    snapshot: Snapshot, ana: Scope
) -> None:
    assert 'about "their new campus in Porto"' in body(
        draft(snapshot, ana, "A-1", "email", "their new campus in Porto")
    )
    for wish in ("a churn scare", "the 20 % they save", "see http://evil.example", "that Borealis Foods pays less"):
        record = draft(snapshot, ana, "A-1", "email", wish)
        assert wish.split()[-1] not in body(record)
        assert "stays out of the draft" in told(record)


def test_the_note_is_beside_the_draft_and_taints_the_turn(snapshot: Snapshot, ana: Scope) -> None:
    record = draft(snapshot, ana, "A-1", "email")
    assert free_text(record)
    before, after = told(record).split("End of the draft.")
    assert "They merge" in after
    assert "They merge" not in before


def test_where_the_book_lacks_something_its_sentence_is_left_out_or_the_asker_is_told(
    snapshot: Snapshot, ana: Scope
) -> None:
    bare = draft(snapshot, ana, "A-2", "email", "renewal")
    text = told(bare)
    assert "of whom the book has no address" in text
    assert "No title in the book" in text
    assert "renews on" not in body(bare)
    assert "not known" not in body(bare)
    alone = draft(snapshot, EVERYTHING, "A-3", "call")
    assert "greets nobody by name" in told(alone)
    assert body(alone).startswith("Opening: Hello, this is Otto Lind.")


def test_a_report_shows_use_by_month_and_what_changed(snapshot: Snapshot, ana: Scope) -> None:
    record = draft(snapshot, ana, "A-1", "report")
    text = told(record)
    assert "| Month | Talent Hub |" in text
    assert "| 2026-06 | 54 % |" in text
    assert "Talent Hub: utilisation 54 % in 2026-06, after 57 % in 2026-03." in text
    assert "Your open tickets with our support: 1." in text
    assert text.index("| 2026-06 |") < text.index("End of the draft.")


def test_a_foreign_account_reads_as_a_missing_one(snapshot: Snapshot, ana: Scope) -> None:
    said = []
    for account in ("A-3", "A-9"):
        with pytest.raises(UnknownAccount) as error:
            draft(snapshot, ana, account, "email")
        said.append(str(error.value).replace(account, "X"))
    assert said[0] == said[1]


def test_no_template_for_a_customer_speaks_of_ours() -> None:
    ours = ("lead", "no_role", "goal_kept_out", "left_out", "end", "for_you", "note", "objection")
    for key, text in templates("outreach").items():
        if not key.startswith(ours):
            assert not OURS.search(text), key
