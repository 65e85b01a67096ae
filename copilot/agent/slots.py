"""Slots: the arguments of a chosen tool, read off the question by rules; defaults are left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from copilot.agent import topics
from copilot.agent.mentions import Kind, Marked
from copilot.agent.periods import NUMBER, NUMBERS, days_ahead, period

Arguments = dict[str, Any]

MOST_ROWS = 50
DEFAULT_ROWS = {"rank_accounts": 10, "recommend_action": 5}
MOST_COMPARED = 5
HOURS_A_DAY = 8
ORDINALS = ("first", "second", "third", "fourth", "fifth")


@dataclass(frozen=True)
class Clause:
    """One question to one tool: its names, its words in English with placeholders, and what came before.

    ``recent`` are account ids that "it", "them" or "the second one" may stand for.
    """

    marked: Marked
    plain: str
    today: date
    recent: tuple[str, ...] = ()

    def says(self, pattern: str) -> re.Match[str] | None:
        """Search the English words."""
        return re.search(pattern, self.plain)

    def first(self, kind: Kind) -> str | None:
        """Return the first name of a kind."""
        return next(iter(self.marked.values(kind)), None)

    def placed(self, kind: Kind, at: int) -> str:
        """Return the name whose placeholder stands at ``at`` in the English words."""
        mentions = [mention for mention in self.marked.mentions if mention.kind == kind]
        return mentions[self.plain[:at].count("{" + kind + "}")].value


def fill(tool: str, clause: Clause) -> list[Arguments]:
    """Return the arguments of each call that a clause asks of ``tool``: one, or several for several names.

    A required argument that the clause does not determine is absent; see ``missing``.
    """
    return FILLERS[tool](clause)


def missing(tool: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the required argument that is absent, or None."""
    return next((name for name in REQUIRED.get(tool, ()) if not arguments.get(name)), None)


def accounts(clause: Clause) -> list[str]:
    """Return the accounts a clause is about: named, or pointed at among the recent ones."""
    return clause.marked.values("account") or _pointed(clause)


def _pointed(clause: Clause) -> list[str]:
    recent = list(clause.recent)
    if not recent:
        return []
    if found := clause.says(r"\b(?:first|top|those|these|the|last) (two|three|four|five|[2-5])\b"):
        count = NUMBERS.get(found[1]) or int(found[1])
        return recent[-count:] if found[0].startswith("last") else recent[:count]
    if clause.says(r"\bboth\b"):
        return recent[:2]
    for place, word in enumerate(ORDINALS):
        if clause.says(rf"\b(?:{word}|{place + 1}(?:st|nd|rd|th)|(?:number|no\.?|#)\s*{place + 1})\b"):
            return recent[place : place + 1]
    if clause.says(r"\b(?:the|that) last one\b"):
        return recent[-1:]
    pointing = r"\b(it|its|he|she|them|they|their|there|that|this|those|these|him|her|the (?:account|customer|client|company))\b"
    return recent[:1] if clause.says(pointing) or len(recent) == 1 else []


def _each_account(clause: Clause, **rest: Any) -> list[Arguments]:
    return [{"account": account, **rest} for account in accounts(clause)] or [dict(rest)]


# --- ranking -----------------------------------------------------------------------------------------------------------

RENEWAL = r"\brenew\w*|\bexpir\w*|\bcontracts?\b|\bdue\b|\blaps\w+|\brun(s|ning)? out|\bup (for|by|in|before)\b|\bends\b|\bending\b|\bterm ends?|\b(?:deal|agreement|subscription)s? end|\brtcd\b|\bsign again|\bterm ends?"
ORDERED = {  # said outright: "sorted by uplift"
    "churn": r"churn|risk", "growth": r"growth|upsell|potential|expansion", "uplift": r"uplift|impact|effect|lift",
    "engagement_drop": r"engagement|usage", "renewal_date": r"renewal|date|expiry|contract end", "priority": r"priority|value",
}  # fmt: skip
DROP = r"drop|fall|fell|declin|decreas|plung|sink|shrink|slump|slid|dip|fad(e|ing)|going down|went down|quiet|nosediv|collaps|less|fewer|lower|stopped|hardly|no longer|inactive|dormant|unused|cool"
USE = r"\busage|\buse[sd]?\b|\busing|\butili[sz]|\bengag|\badopt|\bactiv|\blog(s|ged|ging)?[- ]?ins?|\blogins?|\bseats?\b|\bsessions?"
SORTS = (
    ("engagement_drop", rf"(?:{USE}).*\b(?:{DROP})|\b(?:{DROP})\w*\b.*(?:{USE})|\b(?:went|gone|going|gotten|got) (?:quiet|dark|silent|cold)|\binactive\b|\bdormant\b|\bdisengag|\blow[- ](?:usage|engagement|adoption|activity)"),
    ("uplift", r"uplift|\blift\b|benefit|profit|persua|sway|change the most|(?:biggest|largest|most|highest|strongest|greatest|best) (?:\w+ )?(?:impact|effect|difference|influence|return)|(?:impact|effect) (?:is|would be|of \w+ is) (?:the )?(?:biggest|largest|highest|strongest)|mak\w+ (?:a|the|any|most) (?:\w+ )?difference|move the needle|pay off|respond (?:best|most)|bring\w* (?:the )?most|worth (?:a|the) (?:call|visit)|\bworth itself|(?:visit|call|meeting|training|contact)\w*\b(?: itself)? worth|\bbang\b|return on (?:a |the )?(?:call|visit|meet|outreach|contact)|(?:visit|call)\w* (?:\w+ )?pays? off|(?:call|visit|meeting|outreach|contact\w*|touch|email)\w* (?:actually |really )?(?:help|matter|change|count|work)s?"),
    ("churn", r"churn|cancel|\brisk|at risk|\bleav|\blos(e|ing)\b|shrink|downsell|downgrad|danger|not (?:renew|sign|stay)|unlikely to (?:renew|stay|sign|extend)|stop (?:buying|paying)|won'?t renew|slip(?:ping)? away|shak(y|iest)|unhealth|walk (?:out|away)|\bbail|defect|jump\w* (?:ship|us|off)|cut (?:back|their|spend\w*|down)|reduce|spend less|worth saving|endanger|wobbl|\bquit|trouble|unhappy|at stake|worst|weakest|sav(e|ing)\b"),
    ("growth", r"\bgrow|expan|upsell|up-sell|cross-?sell|buy more|buy \w+ more|buy (?:additional|extra)|more seats|spend more|upside|potential|room to|ready (?:for|to)|hot leads?|headroom|whitespace|white space|bigger|upgrad|could (?:\w+ )?buy|more \{product\}|opportunit"),
    ("renewal_date", RENEWAL),
)  # fmt: skip
ACTIONS = (
    ("prevent_churn", r"prevent\w* (?:the )?churn|churn prevention|retention (?:play|action|list|case)|prevent_churn"),
    ("promote_upsell", r"promot\w* (?:an? )?upsell|upsell (?:play|action|campaign|motion|recommendation|list)|promote_upsell"),
    ("boost_engagement", r"boost\w* (?:the |their )?(?:engagement|usage|adoption)|engagement (?:boost|play|push|action|campaign)|(?:raise|increase|lift) (?:engagement|usage|adoption)|boost_engagement"),
)  # fmt: skip
WHOM = r"\b(?:who|whom|which|what|whose)\b.*\bshould (?:i|we|my)|\bcall list|\bpriorit|\bfocus|\bto (?:call|contact|ring|visit|focus)\b"


def _rank(clause: Clause) -> list[Arguments]:
    found: Arguments = {}
    if action := _first_of(ACTIONS, clause.plain):
        found["action"] = action
    within = _renewal_window(clause)
    sort_by = _sort(clause)
    if within:
        found["renewal_within_days"] = within
    if sort_by and not (action and sort_by in ("churn", "growth", "engagement_drop")):
        found["sort_by"] = sort_by
    if limit := _limit("rank_accounts", clause):
        found["limit"] = limit
    return _by_name(clause, found)


def _sort(clause: Clause) -> str | None:
    """Return the key to rank by, or None for the default (priority)."""
    outright = clause.says(
        r"\b(?:by|on) (?:their |the |predicted |expected |highest |biggest )*(\w+(?: (?:risk|date|drop|potential|end|potential))?)"
    )
    if outright and (key := _first_of(ORDERED.items(), outright[1])):
        return None if key == "priority" else key
    key = _first_of(SORTS, clause.plain)
    # "Whom should I call about renewals?" asks for the best ones to call, not for the earliest date.
    return None if key == "renewal_date" and clause.says(WHOM) else key


def _renewal_window(clause: Clause) -> int | None:
    """Return days ahead where the clause limits renewals, or risk by the month or longer, to a period to come."""
    if clause.says(r"\b(?:last|past|previous) (?:\w+ )?(?:days?|weeks?|months?|quarters?|years?)\b"):
        return None
    days = days_ahead(clause.plain, clause.today)
    if days is None or clause.says(RENEWAL):
        return days
    lasting = clause.says(r"\b(?:churn|cancel|leave|lose|not renew)") and not clause.says(
        r"\b(?:week|today|tomorrow)\b"
    )
    return days if lasting else None


def _limit(tool: str, clause: Clause) -> int | None:
    """Return how many rows are asked for (1–50), None where it is not said or the default."""
    text = clause.plain
    while when := period(text, clause.today):  # the 60 of "60 days" is no number of rows
        text = text[: when[1][0]] + " " + text[when[1][1] :]
    text = re.sub(
        rf"\b(?:more|less|fewer|over|under|above|below|at least|at most)(?: than)? (?:\$\s*)?{NUMBER}\b", " ", text
    )
    text = re.sub(
        rf"[$€]\s*\d[\d.,]*|\b{NUMBER}\s*(?:%|percent|k\b|hours?|minutes?|h\b|min\b|days?|weeks?|months?|seats?|employees|dollars|euros?)",
        " ",
        text,
    )
    text = re.sub(r"\btop(?=\d)", "top ", text)  # "top20"
    text = re.sub(r"\b20\d\d\b|\bq[1-4]\b", " ", text)
    if re.search(r"\b(?:top|the|only|just|single) one\b|\bthe single\b|\bnumber one\b", text) and not re.search(
        r"\bones\b", text
    ):
        return 1
    found = re.search(rf"\b({NUMBER})\b", text)
    if not found:
        return None
    rows = min(MOST_ROWS, max(1, NUMBERS.get(found[1]) or int(found[1][:9])))
    return None if rows == DEFAULT_ROWS[tool] else rows


def _by_name(clause: Clause, found: Arguments) -> list[Arguments]:
    """Add product, segment and region; several names of one kind make several calls."""
    kinds: tuple[Kind, ...] = ("product", "segment", "region")
    calls: list[Arguments] = [dict(found)]
    for kind in kinds:
        names = clause.marked.values(kind) if len(calls) == 1 else clause.marked.values(kind)[:1]
        calls = [{**call, kind: name} for call in calls for name in names] or calls
    return calls


# --- one account -------------------------------------------------------------------------------------------------------

TOUCHES = (
    ("call", r"\bcall\w*|\bphon\w*|\bring(?:ing)?\b|\bdial|\btelephon"),
    ("email", r"\be-?mail\w*|\bmail\w*|\bwrit\w+ to|\bmessage"),
    (
        "meeting",
        r"\bmeet\w*|\bvisit\w*|\bsit(?:ting)?[- ]?down|\bin person|\bon-?site|\bface to face|\bappointment|\bsee(?:ing)? them",
    ),
    ("training", r"\btrain\w*|\bworkshop|\bcourse|\bwebinar|\bcoach"),
    ("report", r"\breports?\b|\bbusiness review|\bqbr\b"),
)
ABOUTS = (
    ("uplift", r"uplift|persua|sway|(?:call|contact|touch|e-?mail|meet|visit|train|outreach|report)\w*(?: \S+){0,3} (?:would |will |could |might )?(?:help|work|pay|matter|change|make|worth|bring|effective|move)"),
    ("churn", r"churn|risk|cancel|\bleav|\blos(e|ing)\b|danger|trouble|not renew|won'?t renew|shrink|downgrad|downsell"),
    ("engagement", rf"engag|adopt|{USE}|less active|inactive|quiet"),
    ("upsell", r"upsell|up-sell|\bgrow|expan|buy|more seats|spend more|potential|upside|opportunit"),
)  # fmt: skip


def _uplift(clause: Clause) -> list[Arguments]:
    kinds = [kind for kind, pattern in TOUCHES if clause.says(pattern)]
    return [call for kind in kinds or [""] for call in _each_account(clause, **({"action": kind} if kind else {}))]


def _with_product(clause: Clause) -> list[Arguments]:
    products = clause.marked.values("product") or [""]
    return [call for product in products for call in _each_account(clause, **({"product": product} if product else {}))]


def _explain(clause: Clause) -> list[Arguments]:
    about = _first_of(ABOUTS, clause.plain)
    return _each_account(clause, **({"about": about} if about and about != "churn" else {}))


def _recommend(clause: Clause) -> list[Arguments]:
    limit = _limit("recommend_action", clause)
    return _each_account(clause, **({"limit": limit} if limit else {}))


def _compare(clause: Clause) -> list[Arguments]:
    named = clause.marked.values("account")
    if len(named) < 2:
        pointed = (
            _pointed(clause)
            if not named or clause.says(r"\b(?:it|that|this|the (?:first|second|third|last) one)\b")
            else []
        )
        named += [account for account in pointed or clause.recent[:2] if account not in named]
        named = named[:MOST_COMPARED] if pointed or not clause.marked.values("account") else named[:2]
    return [{"accounts": named[:MOST_COMPARED]}] if len(named) > 1 else [{}]


# --- totals ------------------------------------------------------------------------------------------------------------

DIMENSIONS = (
    ("rep", r"(?:sales )?reps?|sellers?|sales ?(?:person|people|persons|agents?)|agents?|owners?|colleagues?|team members?|people|person|ae"),
    ("product", r"products?(?: lines?)?|skus?|offerings?"), ("region", r"regions?|territor(?:y|ies)|offices?|countr(?:y|ies)|geograph\w+|geo"),
    ("segment", r"segments?|tiers?|customer sizes?"), ("stage", r"(?:deal |pipeline |sales )?stages?"), ("month", r"months?"),
    ("quadrant", r"quadrants?"), ("action", r"(?:type of |kind of |recommended )?actions?(?: types?)?|recommendations?"),
)  # fmt: skip
ANY_DIMENSION = "|".join(pattern for _, pattern in DIMENSIONS)
GROUPED = re.compile(
    rf"\b(?:by|per|each|every|across|which|what|for all|among|over)\s+(?:the |our |my |of the |all )*(?:rep's |deal's )*(?:{ANY_DIMENSION})\b(?:\s*(?:,|and|&|\+|then|or)+\s*(?:then |by |per |the |each |rep's )*(?:{ANY_DIMENSION})\b)*"
)
IMPLIED = (
    ("month", r"\bmonthly\b|month (?:over|by|on|after) month|\btrend over the year"),
    ("rep", r"\b(?:top|best|worst|leading|strongest|weakest) (?:sales )?(?:rep|seller|salesperson|agent|performer)|\bleaderboard|\bwho\b.*\b(?:won|sold|sells?|clos\w+|brought in|quota|target|win rate|deals?|most accounts|behind|ahead|perform\w*)"),
    ("product", r"\b(?:best|top|worst)[- ]sell\w*|\bsells? best"), ("stage", r"\bin (?:negotiation|prospecting|engaging|proposal|discovery)\b"),
)  # fmt: skip


def _summarize(clause: Clause) -> list[Arguments]:
    groups = [dimension for found in GROUPED.finditer(clause.plain) for dimension in _dimensions(found[0])]
    groups += [dimension for dimension, pattern in IMPLIED if not groups and clause.says(pattern)]
    if not groups and len(clause.marked.values("region")) > 1 and clause.says(r"compar|\bvs\b|versus|against"):
        return [{"group_by": "region"}]
    calls = _by_name(clause, {})
    return [{"group_by": group, **call} for group in dict.fromkeys(groups) for call in calls] or calls


def _dimensions(text: str) -> list[str]:
    """Return the dimensions a phrase names, in its own order; the rep of "the rep's region" is none."""
    text = re.sub(r"\b(?:rep|deal)'s ", "", text)
    found = [(hit.start(), name) for name, pattern in DIMENSIONS for hit in re.finditer(rf"\b(?:{pattern})\b", text)]
    return [name for _, name in sorted(found)]


# --- words, writes and plans -------------------------------------------------------------------------------------------

CHANNELS = (
    ("call", r"script|talk(?:ing)?[- ](?:track|points?)|call prep|opening lines?|\bon (?:the )?phone|(?:say|tell)\b.*\b(?:call|phone)"),
    ("meeting", r"\bagenda"), ("email", r"\be-?mail|\bmail\b|\bletter|\bmessage"),
    ("report", r"\breport|one[- ]?pager|one[- ]page|\bqbr\b|business review|\bdossier|\bhandout"),
    ("meeting", r"\bmeet\w*|\bvisit|\bsit[- ]?down|\bworkshop prep"), ("call", r"\bcall|\bphone|\bring(?:ing)?\b"),
)  # fmt: skip
FEEDBACKS = (
    ("snoozed", r"snooz|later|postpon|remind|for now|not now|next (?:week|month|quarter)|until|push .* (?:back|to)|park\b|hide .* for|wait"),
    ("dismissed", r"dismiss|reject|declin|remov|off my list|not (?:interested|relevant|useful|a fit|pursu)|don'?t (?:show|want|bother|suggest)|do not (?:show|want|suggest)|never|disagree|useless|ignore|thumbs down|won'?t|wrong|no longer|hide|drop|not fit|fits not|irrelevant|bad (?:idea|tip|suggestion)|skip|no thanks"),
    ("accepted", r"accept|agree|\bi'?ll\b|\bi will\b|good (?:idea|tip|call)|thumbs up|^yes|take the|on it\b|sounds good|will do|i'?m on|\bdo i at|\bdo it|\bi do\b"),
    ("done", r"\bdone|called|\bmet\b|mailed|spoke|talked|visited|finish|handled|complet|tick|check(?:ed)? off|through|already|through|closed"),
)  # fmt: skip
AWAY = r"away|left|depart\w*|leav\w*|quits?|sick|ill\b|vacation|holiday|out of office|goes|gone|retir\w*|resign\w*|churn\w*|absent|without|cover\w*|take[sn]? over|parental|maternity|drops? out|not (?:here|available|around)|unavailable|missing|is out|off (?:in|for|sick|until)"


def _notes(clause: Clause) -> list[Arguments]:
    named = [
        one.value
        for one in clause.marked.mentions
        if one.kind == "account" and not (one.guess and topics.is_topic(clause.marked, one.start))
    ]
    account = named or _pointed(clause)[: 1 if clause.says(r"\b(?:it|they|them|their|that account)\b") else 0]
    return [{"query": topics.search_topic(clause.marked), **({"account": account[0]} if account else {})}]


def _draft(clause: Clause) -> list[Arguments]:
    found: Arguments = {"channel": _first_of(CHANNELS, clause.plain) or "email"}
    if goal := topics.goal(clause.marked):
        found["goal"] = goal
    return _each_account(clause, **found)


def _plan(clause: Clause) -> list[Arguments]:
    if found := clause.says(rf"\b({NUMBER})(?:[.,]5)?\s*-?(h\b|hrs?\b|hours?|days?)"):
        count = NUMBERS.get(found[1]) or int(found[1][:4])
        return [{"hours": count * (HOURS_A_DAY if found[2].startswith("d") else 1)}]
    return [{"hours": HOURS_A_DAY // 2}] if clause.says(r"half a day") else [{}]


def _feedback(clause: Clause) -> list[Arguments]:
    found: Arguments = {}
    if feedback := _first_of(FEEDBACKS, re.sub(r"\b(?:because|since|weil)\b.*", "", clause.plain)):
        found["feedback"] = feedback
    if reason := topics.reason(clause.marked):
        found["reason"] = reason
    return _each_account(clause, **found)


def _simulate(clause: Clause) -> list[Arguments]:
    found: Arguments = {kind: name for kind in ("region", "segment") if (name := clause.first(kind))}
    found |= _bounds(clause) | _people(clause)
    if days := clause.says(rf"midpoint\D{{0,20}}({NUMBER})|({NUMBER})[- ]days? midpoint"):
        found["midpoint_days"] = _number(days[1] or days[2])
    if bonus := clause.says(
        r"(?:no|without|drop|remove|ignore|zero)[^.]{0,20}(?:owner|keep)\w* bonus|(?:owner|keep)[\w-]* bonus\D{0,12}(\d*\.?\d+)"
    ):
        found["keep_owner_bonus"] = float(bonus[1] or 0)
    if moved := clause.marked.values("account"):
        found["accounts"] = moved
    moving = rf"\b(?:mov|shift|transfer|giv|hand|reassign|re-assign|swap|send|tak|took|assign|put|relocat)\w*\b(?:(?!\b(?:if|and)\b)[^,.;])*?\b({NUMBER})\b(?!\s*(?:days?|%|percent))"
    if not moved and not {"min_accounts", "max_accounts"} & found.keys() and (count := clause.says(moving)):
        found["move_count"] = _number(count[1])
    return [found]


def _bounds(clause: Clause) -> Arguments:
    """Return the least and most accounts a rep."""
    text = re.sub(r"midpoint.*", "", clause.plain)
    least = rf"(?:at least|minimum(?: of)?|min\.?|no fewer than|not fewer than|no less than)\s*({NUMBER})"
    most = rf"(?:at most|maximum(?: of)?|max\.?|no more than|not more than|more than|capped at|caps?(?: \w+)? (?:of|at)|limit\w*(?: \w+){{0,3}} (?:of|to|at)|cap|up to|limit)\s*({NUMBER})"
    both = rf"(?:between\s+)?\b({NUMBER})\s*(?:to|and|-|–)\s*({NUMBER})\b(?=\s*(?:accounts?|customers?|clients?|each|per|a (?:head|rep|person)|apiece))"
    if span := re.search(both, text):
        return {"min_accounts": _number(span[1]), "max_accounts": _number(span[2])}
    found: Arguments = {}
    if low := re.search(least, text):
        found["min_accounts"] = _number(low[1])
    if high := re.search(most, text):
        found["max_accounts"] = _number(high[1])
    return found


def _people(clause: Clause) -> Arguments:
    """Return who gives, who takes and who is away."""
    found: Arguments = {}
    patterns = (
        ("from_rep", r"from (\{rep\})|(\{rep\})'s? (?:accounts?|customers?|book|clients?|patch)(?= (?:to|over to) )|of (\{rep\})'s?|(\{rep\}) is over\w+|(?:lighten|relieve|unburden) (\{rep\})"),
        ("to_rep", r"(?<!going )\b(?:to|onto) (\{rep\})|(?:give|hand) (\{rep\})|if (\{rep\}) took|(\{rep\})(?: \w+){0,2} tak\w+(?: over)? (?:\w+ )?(?:\{account\}|" + NUMBER + r")|(\{rep\}) (?:is|gets)(?: taking over)? \{account\}|let (\{rep\})"),
    )  # fmt: skip
    for name, pattern in patterns:
        if hit := clause.says(pattern):
            place = next(index for index in range(1, len(hit.groups()) + 1) if hit[index])
            found[name] = clause.placed("rep", hit.start(place))
    reps = clause.marked.values("rep")
    if reps and not found and clause.says(AWAY):
        found["without_rep"] = reps[0]
    return found


def _scenario(clause: Clause) -> list[Arguments]:
    scenario = clause.first("scenario") or next(
        (one for one in reversed(clause.recent) if re.fullmatch(r"S-\d+", one)), None
    )
    return [{"scenario": scenario} if scenario else {}]


def _study(clause: Clause) -> list[Arguments]:
    study = topics.study(clause.marked)
    return [{"study": study} if study else {}]


def _first_of(patterns: Any, text: str) -> str | None:
    return next((name for name, pattern in patterns if re.search(pattern, text)), None)


def _number(text: str) -> int:
    return NUMBERS.get(text) or int(text[:9])


FILLERS: Mapping[str, Callable[[Clause], list[Arguments]]] = {
    "rank_accounts": _rank, "get_account": _each_account, "estimate_uplift": _uplift, "forecast_engagement": _with_product,
    "predict_growth": _with_product, "recommend_action": _recommend, "explain_account": _explain,
    "compare_accounts": _compare, "summarize_book": _summarize, "search_notes": _notes, "draft_outreach": _draft,
    "plan_week": _plan, "record_feedback": _feedback, "simulate_assignment": _simulate,
    "propose_assignment": _scenario, "measure_impact": _study,
    "search_features": lambda clause: [{"query": topics.feature_topic(clause.marked)}],
}  # fmt: skip
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "get_account": ("account",), "estimate_uplift": ("account",), "forecast_engagement": ("account",),
    "predict_growth": ("account",), "explain_account": ("account",), "compare_accounts": ("accounts",),
    "draft_outreach": ("account",), "record_feedback": ("account", "feedback"), "propose_assignment": ("scenario",),
}  # fmt: skip
