"""Slots: the arguments of a chosen tool, read off the question by rules; defaults are left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from copilot.agent import topics
from copilot.agent.clause import MOST_COMPARED, Arguments, Clause, each_account, first_of, number, pointed
from copilot.agent.limits import beyond_ranking, beyond_totals, list_of_one_rep
from copilot.agent.periods import NUMBER
from copilot.agent.ranking import USE, ranked, rows
from copilot.agent.totals import summed
from copilot.agent.whatif import simulated, unclear
from copilot.assign.week import DAYS, HOURS_A_DAY

TOUCHES = (
    ("call", r"\bcall\w*|\bphon\w*|\bring(?:ing)?\b|\bdial|\btelephon"),
    ("email", r"\be-?mail\w*|\bmail\w*|\bwrit\w+ to|\bmessage"),
    (
        "meeting",
        r"\bmeet\w*|\bmet\b|\bvisit\w*|\bsit(?:ting)?[- ]?down|\bin person|\bon-?site|\bface to face|\bappointment|"
        r"\bsee(?:ing)? them",
    ),
    ("training", r"\btrain\w*|\bworkshop|\bcourse|\bwebinar|\bcoach"),
    ("report", r"\breports?\b|\bbusiness review|\bqbr\b"),
)
ABOUTS = (
    (
        "uplift",
        r"uplift|persua|sway|(?:call|contact|touch|e-?mail|meet|visit|train|outreach|report)\w*(?: \S+){0,3} "
        r"(?:would |will |could |might )?(?:help|work|pay|matter|change|make|worth|bring|effective|move)",
    ),
    (
        "churn",
        r"churn|risk|cancel|\bleav|\blos(?:e|ing)\b|danger|trouble|not renew|won'?t renew|shrink|downgrad|downsell",
    ),
    ("engagement", rf"engag|adopt|{USE}|less active|inactive|quiet"),
    ("upsell", r"upsell|up-sell|\bgrow|expan|buy|more seats|spend more|potential|upside|opportunit|upgrad"),
)
CHANNELS = (
    (
        "call",
        r"script|talk(?:ing)?[- ](?:track|points?)|call prep|opening lines?|\bon (?:the )?phone|"
        r"(?:say|tell)\b.*\b(?:call|phone)",
    ),
    ("meeting", r"\bagenda"),
    ("email", r"\be-?mail|\bmail\b|\bletter|\bmessage"),
    ("report", r"\breport|one[- ]?pager|one[- ]page|\bqbr\b|business review|\bdossier|\bhandout"),
    ("meeting", r"\bmeet\w*|\bvisit|\bsit[- ]?down|\bworkshop prep"),
    ("call", r"\bcall|\bphone|\bring(?:ing)?\b"),
)
FEEDBACKS = (
    (
        "snoozed",
        r"snooz|later|postpon|remind|for now|not now|next (?:week|month|quarter)|until|push .* (?:back|to)|park\b|"
        r"hide .* for|wait",
    ),
    (
        "dismissed",
        r"dismiss|reject|declin|remov|off my list|not (?:interested|relevant|useful|a fit|pursu)|never|disagree|useless|"
        r"ignore|(?:don'?t|do not) (?:show|want|bother|suggest)|thumbs down|won'?t|wrong|no longer|hide|drop|not fit|"
        r"fits .*not|irrelevant|bad (?:idea|tip|suggestion)|skip|no thanks|get rid|stop suggesting|nonsense|makes no sense",
    ),
    (
        "accepted",
        r"accept|agree|\btake (?:over|on)\b|\bi'?ll\b|\bi will\b|good (?:idea|tip|call)|thumbs up|^yes|take the|on it\b|sounds good|will do|"
        r"i'?m on|\bdo i at|\bdo it|\bi do\b",
    ),
    (
        "done",
        r"\bdone|called|\bmet\b|mailed|spoke|talked|visited|finish|handled|complet|tick|check .*off|checked off|through|"
        r"already|closed?\b|taken care|dealt with|sorted",
    ),
)
HOURS = (
    rf"(?:(?P<minus>(?<=\s)-|\bminus )|\b)(?P<count>an|one|{NUMBER})(?P<tenths>[.,]\d+)?(?P<half> and a half)?\s*-?"
    r"(?P<unit>h\b|hrs?\b|hours?|days?|mins?\b|minutes?)(?P<daily> (?:a|per|each|every) day\b)?"
)
HALVES = (("half an hour", 0.5), (r"half a day|(?<!every )(?<!each )\b(?:morning|afternoon)\b", HOURS_A_DAY // 2))
UNITS = {"d": HOURS_A_DAY, "h": 1, "m": 1 / 60}  # by its first letter


def fill(tool: str, clause: Clause) -> list[Arguments]:
    """Return the arguments of each call that a clause asks of ``tool``: one, or several for several names.

    A required argument that the clause does not determine is absent; see ``missing``.
    """
    return FILLERS[tool](clause)


def missing(tool: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the required argument that is absent, or None."""
    return next((name for name in REQUIRED.get(tool, ()) if not arguments.get(name)), None)


def doubt(tool: str, clause: Clause, calls: list[Arguments]) -> str | None:
    """Return what a clause asks that ``tool`` has no argument for, so that it is asked back; or None."""
    if tool == "simulate_assignment" and list_of_one_rep(clause):
        return "one rep"
    return UNCLEAR[tool](clause, calls) if tool in UNCLEAR else None


def touches(plain: str) -> list[str]:
    """Return the kinds of touch that English words speak of."""
    return [kind for kind, pattern in TOUCHES if re.search(pattern, plain)]


def _uplift(clause: Clause) -> list[Arguments]:
    kinds = touches(clause.plain)
    return [call for kind in kinds or [""] for call in each_account(clause, **_given(action=kind))]


def _with_product(clause: Clause) -> list[Arguments]:
    products = clause.marked.values("product") or [""]
    return [call for product in products for call in each_account(clause, **_given(product=product))]


def _explain(clause: Clause) -> list[Arguments]:
    about = first_of(ABOUTS, clause.plain)
    return each_account(clause, **_given(about=about if about != "churn" else None))


def _recommend(clause: Clause) -> list[Arguments]:
    return each_account(clause, **_given(limit=rows(clause, default=5)))


def _compare(clause: Clause) -> list[Arguments]:
    named = clause.marked.values("account")
    if not named:
        found = pointed(clause)
        named = found if len(found) > 1 else list(clause.recent[:2])
    elif len(named) == 1:  # "compare it with Acme": one of the recent ones, the named one last
        others = [account for account in pointed(clause) or clause.recent if account not in named]
        named = [*others[:1], *named]
    return [_given(accounts=named[:MOST_COMPARED] if len(named) > 1 else None)]


def _notes(clause: Clause) -> list[Arguments]:
    named = topics.speakers(clause.marked)
    if not named and clause.says(r"\b(?:it|they|them|their|that account)\b"):
        named = pointed(clause)
    return [{"query": topics.search_topic(clause.marked), **_given(account=named[0] if named else None)}]


def _draft(clause: Clause) -> list[Arguments]:
    channel, goal = first_of(CHANNELS, clause.plain) or "email", topics.goal(clause.marked)
    calls = each_account(clause, channel=channel, **_given(goal=goal))
    # "about their new campus in Porto": a word that only looks like a name is part of the goal.
    guessed = {one.value for one in clause.marked.mentions if one.guess and one.value in (goal or "")}
    return [call for call in calls if call.get("account") not in guessed] or calls


def _plan(clause: Clause) -> list[Arguments]:
    for pattern, hours in HALVES:
        if clause.says(pattern):
            return [{"hours": hours}]
    found = clause.says(HOURS)
    if not found or (found["unit"][0] == "d" and clause.plain[: found.start()].endswith(("next ", "coming "))):
        return [{}]  # "the next five days" are when, not how long
    count = 1 if found["count"] in ("an", "one") else number(found["count"])
    hours = (count + float(f"0.{(found['tenths'] or '.0')[1:]}") + 0.5 * bool(found["half"])) * UNITS[found["unit"][0]]
    hours *= (DAYS if found["daily"] else 1) * (-1 if found["minus"] else 1)
    return [{"hours": hours if hours % 1 else int(hours)}]


def _feedback(clause: Clause) -> list[Arguments]:
    feedback = first_of(FEEDBACKS, re.sub(r"\b(?:because|since)\b.*", "", clause.plain))
    return each_account(clause, **_given(feedback=feedback, reason=topics.reason(clause.marked)))


def _propose(clause: Clause) -> list[Arguments]:
    earlier = [one for one in clause.recent if re.fullmatch(r"S-\d+", one)]
    return [_given(scenario=clause.first("scenario") or (earlier[-1] if earlier else None))]


def _impact(clause: Clause) -> list[Arguments]:
    known = [{"study": name} for name in clause.marked.values("study")]
    return known or [_given(study=topics.study(clause.marked))]


def _given(**found: Any) -> Arguments:
    """Return the arguments that have a value."""
    return {name: value for name, value in found.items() if value}


FILLERS: Mapping[str, Callable[[Clause], list[Arguments]]] = {
    "rank_accounts": ranked,
    "get_account": each_account,
    "estimate_uplift": _uplift,
    "forecast_engagement": _with_product,
    "predict_growth": _with_product,
    "recommend_action": _recommend,
    "explain_account": _explain,
    "compare_accounts": _compare,
    "summarize_book": summed,
    "search_notes": _notes,
    "draft_outreach": _draft,
    "plan_week": _plan,
    "record_feedback": _feedback,
    "simulate_assignment": simulated,
    "propose_assignment": _propose,
    "measure_impact": _impact,
    "search_features": lambda clause: [{"query": topics.feature_topic(clause.marked)}],
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("get_account", "estimate_uplift", "forecast_engagement", "predict_growth"), ("account",)),
    **dict.fromkeys(("explain_account", "draft_outreach"), ("account",)),
    "compare_accounts": ("accounts",),
    "record_feedback": ("account", "feedback"),
    "propose_assignment": ("scenario",),
}
UNCLEAR: Mapping[str, Callable[[Clause, list[Arguments]], str | None]] = {
    "rank_accounts": beyond_ranking,
    "summarize_book": beyond_totals,
    "simulate_assignment": unclear,
}
