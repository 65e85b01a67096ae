"""Replies that need no tool: what it can do, refusals, questions back, and what to stress in an answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

ABILITIES: Mapping[str, str] = {
    "rank_accounts": "say whom to call and why",
    "get_account": "show an account",
    "explain_account": "explain why an account is at risk or likely to grow",
    "recommend_action": "recommend the next step with an account",
    "estimate_uplift": "estimate what a call, e-mail or visit would change",
    "predict_growth": "predict an account's spend",
    "forecast_engagement": "forecast an account's usage",
    "summarize_book": "sum up your book",
    "compare_accounts": "compare accounts",
    "search_notes": "search the notes",
    "draft_outreach": "draft an e-mail, a call or a report",
    "plan_week": "plan your week",
    "record_feedback": "note what you did with a recommendation",
    "simulate_assignment": "try out another assignment of accounts to reps",
    "propose_assignment": "propose such an assignment",
    "measure_impact": "measure what the recommendations have brought",
    "search_features": "search the features the models use",
}
EMPTY = "What would you like to know about your accounts?"
LANGUAGES = "I read English and German; please ask in one of the two."
UNSURE = "I am not sure what you mean. Which of these do you want?"
TAINTED = "I have read notes in this turn, and what others wrote must not lead to a change: please ask for that in a new turn."
REFUSED: Mapping[str, str] = {
    "outside": "That is outside what I do: I only answer questions about your own sales work.",
    "change_crm": "I cannot change records, calendars or mail: I read the CRM, so please make that change there.",
}
READINGS: Mapping[str, str] = {
    "rank_accounts": "Rank your accounts: whom to call, who is at risk, who renews",
    "get_account": "Show one account with its contacts, contracts, deals and usage",
    "explain_account": "Explain why an account is at risk or likely to grow",
    "recommend_action": "Recommend the next action for an account",
    "estimate_uplift": "Estimate what a call, e-mail or visit would change at an account",
    "predict_growth": "Predict how an account's spend will change",
    "forecast_engagement": "Forecast an account's usage",
    "summarize_book": "Sum up your book: deals, win rate, renewals, quota",
    "compare_accounts": "Compare two to five accounts",
    "search_notes": "Search the notes",
    "draft_outreach": "Draft an e-mail, call, meeting or report for an account",
    "plan_week": "Plan your week",
    "record_feedback": "Record what you did with a recommendation",
    "simulate_assignment": "Try out another assignment of accounts to reps",
    "propose_assignment": "Propose a scenario you tried out",
    "measure_impact": "Measure what the recommendations have brought",
    "search_features": "Search the features the models use",
}
ONE_REP = (
    "I cannot list the accounts of one rep: a list covers all accounts that you may see. Totals by rep I can give."
)
LACKING: Mapping[tuple[str, str], str] = {
    ("compare_accounts", "accounts"): "Which two to five accounts should I compare?",
    ("draft_outreach", "account"): "Which account is the draft for?",
    ("record_feedback", "feedback"): "Did you accept, finish, snooze or dismiss it?",
    ("simulate_assignment", "one rep away"): "I can try out one rep away at a time. Which one?",
    ("simulate_assignment", "limits of all"): (
        "A limit I try out holds for every rep of the team, not for one. Shall it be so for all, or how many accounts "
        "should go from whom to whom?"
    ),
    ("simulate_assignment", "what the number is for"): (
        "Is the number the least or the most accounts of every rep, or how many accounts change hands?"
    ),
    ("simulate_assignment", "what the reps do"): (
        "What should change for them? I can try out one rep away, accounts moved from one to another, or other limits."
    ),
    ("rank_accounts", "amount"): (
        "I cannot keep only accounts above or below an amount. Ask for a product, a segment, a region or a renewal "
        "date instead; the table then shows spend and seats."
    ),
    ("rank_accounts", "left alone"): (
        "I list what is worth a touch, not what to leave alone. Ask what a call to one account would change to see "
        "whether it pays."
    ),
    ("rank_accounts", "last touch"): (
        "I cannot list accounts by their last touch. Ask about one account to see when it was last touched."
    ),
    ("rank_accounts", "industry"): (
        "I cannot list or sum up by industry. Ask for a product, a segment or a region instead, or about one account."
    ),
    **{(tool, "one rep"): ONE_REP for tool in ("rank_accounts", "simulate_assignment")},
    ("rank_accounts", "size"): (
        "I cannot sort by spend or size. Ask for accounts by priority, uplift, risk, growth, falling use or renewal "
        "date instead; the table then shows spend and seats."
    ),
    ("summarize_book", "amount"): (
        "I cannot sum up only the accounts above or below an amount. Ask for a product, a segment or a region instead."
    ),
    ("summarize_book", "stranger"): (
        "That name is no rep, product, segment or region that you may see, so I have no totals for it."
    ),
    ("summarize_book", "industry"): (
        "I cannot sum up by industry. Ask by rep, product, region, segment, stage or month instead."
    ),
    ("propose_assignment", "scenario"): "Which scenario should I propose, for example S-1?",
}

SOCIAL = re.compile(
    r"\b(?:hi|hello|hey|hiya|yo|hallo|moin|servus|grüß|good|guten?|morning|evening|afternoon|night|bye|tschüss|bis|see you|later|thank\w*|thx|ta|"
    r"danke?|cheers|appreciate\w*|sorry|help\w*|hilfe|hilf\w*|you|your|copilot|bot|du|dich|dir|works?|use|examples?|ok|okay|yes|no|cool|great|nice|"
    r"perfect|super|brilliant|awesome|excellent|fine|got it|never mind|klar|feierabend|funktioniert)\b"
)
SALES = r"\bwon\b|\bdeals?\b.*\bwin\b(?! rate)|closed|revenue|\bsold\b|\bsells?\b|\bsales\b|brought in|bookings|best month|\bbest\b.*\b(?:month|quarter|product)"
FOCUS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "summarize_book": (
        ("win_rate", r"\bwin(?:ning)?[- ]?(?:rate|ratio|loss|percentage)|close rate|closing rate|hit (?:rate|ratio)|conversion|success rate|share of (?:\w+ )?deals|deals do (?:we|i) win"),
        ("open_deals", r"pipeline|\bopen\b|\bdeals?\b.*\b(?:live|stuck|stage|negotiation|prospecting|engaging|in play)|opportunit|\bin (?:negotiation|prospecting|engaging)\b|\bstages?\b"),
        ("won_total", SALES),
        ("renewals", r"renew|expir|\brtcd\b|coming due"),
        ("quota", r"quota|\btargets?\b|attainment|on track|hit (?:my|our|the) number"),
        ("list_price", r"\bprices?\b|\bpricing\b|\bcosts?\b|\bcharge\b|how much is"),
        ("accounts", r"\b(?:how many|number of|count(?: of)?|most|split|breakdown of|divide|distribution of)\b[^.]*\b(?:accounts|customers|clients|logos)|\b(?:accounts|customers|clients) (?:per|by)\b"),
    ),
    "get_account": (
        ("contacts", r"contacts?\b(?! value)|decision maker|champion|who do i (?:ask|call|talk)|phone number|e-?mail|speak to there|sponsor"),
        ("tickets", r"tickets?|\bsupport\b|escalat|\bcases?\b|\bbugs?\b|complain"),
        ("usage", r"usage|\buse[sd]?\b|\busing\b|utili|adopt|\bseats?\b|licen|active|log ?in"),
        ("renewals", r"renew|expir|(?:contract|agreement|deal|term)s? ends?|runs? out|run out|up for"),
        ("contracts", r"contracts?|\bseats?\b|\bpays?\b|\bowns?\b|bought|products?|licen|annual|per year|subscri|purchas|already have"),
        ("last_touch", r"last (?:\w+ )?(?:contact|spo|call|touch|talk|met|speak|heard|visit)|recently|contacted|when (?:did|have|was)\b.*\b(?:sp[eo]|talk|call|contact|met|visit)|\bspoken\b"),
        ("open_deals", r"\bdeals?\b|opportunit|pipeline"),
    ),
    "compare_accounts": (
        ("churn", r"churn|\brisk|cancel|\bleav|\blos(?:e|ing)\b|danger|trouble|worse shape|shrink"),
        ("uplift", r"uplift|persua|(?:call|touch|visit|contact|outreach)\w*(?: \S+)? (?:better|more|most|would|help|pay|change|bring|matter|work)"),
        ("growth", r"\bgrow|expan|upsell|up-sell|buys? more|potential"),
        ("usage", r"usage|\buse[sd]?\b|\busing\b|utili|adopt|engag|active"),
        ("renewals", r"renew|expir|runs? out"),
        ("spend", r"\bbigg|\blarg|\bspend|\bpay|\bsize|revenue|\bseats?\b"),
        ("open_deals", r"\bdeals?\b|pipeline"),
        ("last_touch", r"last (?:\w+ )?(?:contact|spo|call|touch|talk|met|visit)"),
    ),
}  # fmt: skip


def abilities(allowed: Collection[str]) -> str:
    """Return one sentence that says what the asker can ask for: the tools in ``allowed`` and no other."""
    can = [words for tool, words in ABILITIES.items() if tool in allowed]
    if len(can) < 2:
        return f"I can {can[0]}." if can else "Your role has no tools here yet; please ask your administrator."
    return f"I can {', '.join(can[:-1])} and {can[-1]}."


def small_talk(text: str, allowed: Collection[str]) -> str:
    """Answer a greeting, thanks or a question about the copilot itself, and say what the asker can ask for."""
    said, help_ = text.lower(), abilities(allowed)
    if re.search(r"\b(?:thank|thx|ta|appreciate|danke|merci|cheers|great|perfect|super|nice work|lifesaver)", said):
        return f"You are welcome. {help_}"
    if re.search(r"\b(?:bye|goodbye|see you|tschüss|feierabend|good night)", said):
        return "Goodbye. Ask me any time about your accounts."
    if re.search(
        r"^\W*(?:hi|hello|hey|hallo|moin|servus|good|guten|morning|afternoon|evening|yo|nice to meet)\b", said
    ):
        return f"Hello. {help_}"
    return help_


def social(text: str) -> bool:
    """Say whether a text has a word of greeting, thanks or help in it."""
    return SOCIAL.search(text.lower()) is not None


def lacking(tool: str, argument: str) -> str:
    """Ask for an argument that the question does not give."""
    return LACKING.get((tool, argument), f"Which {argument} do you mean?")


def focus(tool: str, plain: str) -> list[str]:
    """Return what to stress in a tool's answer, in the order of ``FOCUS``.

    Args:
        tool: Its name; totals, single accounts and comparisons have more to say than one question asks.
        plain: The question in English with placeholders.
    """
    return [name for name, pattern in FOCUS.get(tool, ()) if re.search(pattern, plain)]
