"""Answers as the tools give them: what was asked, our sentences about it, and their cells.

Paths are short: ``0.name`` stands for ``t1.rows[0].name``, ``why0.label`` for ``t1.why[0].label``, ``seats`` for
``t1.seats``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from copilot.text.cells import Cell, Unit, Value


@dataclass(frozen=True)
class Scene:
    """One answer.

    Attributes:
        question: What was asked.
        told: Our sentences, in reference form.
        cells: By path.
    """

    question: str
    told: tuple[str, ...]
    cells: dict[str, Cell]


def full(text: str) -> str:
    """Write ``<0.name>`` as ``{{t1.rows[0].name}}``."""
    return re.sub(r"<([\w.]+)>", lambda found: "{{" + _path(found[1]) + "}}", text)


def _path(short: str) -> str:
    parts = [re.sub(r"^(why|components)(\d+)$", r"\1[\2]", part) for part in short.split(".")]
    return ".".join(["t1", *(f"rows[{part}]" if part.isdigit() else part for part in parts)])


def _scene(question: str, told: list[str], **cells: tuple[Value, Unit, str]) -> Scene:
    paths = {_path(re.sub(r"^r(?=\d)", "", name).replace("__", ".")): cell for name, cell in cells.items()}
    made = {
        path: Cell(value, unit, "method: test" if metric in ("interval level", "horizon") else "snapshot", metric)
        for path, (value, unit, metric) in paths.items()
    }
    return Scene(question, tuple(full(one) for one in told), made)


def _reason(prefix: str, label: str, unit: Unit, **more: Value) -> dict[str, tuple[Value, Unit, str]]:
    kinds: dict[str, tuple[Unit, str]] = {
        "previous": (unit, label), "current": (unit, label), "gain": ("points", label), "drop": ("points", label),
        "period": ("text", "period"), "meaning": ("text", "direction"), "outlook": ("text", "glossary"),
    }  # fmt: skip
    return {f"{prefix}__label": (label, "text", "reason")} | {
        f"{prefix}__{name}": (value, *kinds[name]) for name, value in more.items()
    }


_RENEWS = "It renews on <{0}.renewal_date>, in <{0}.days_to_renewal>."
_FELL = (
    "<{0}.label> fell from <{0}.previous> to <{0}.current> (down <{0}.drop>), the last <{0}.period> against the"
    " <{0}.period> before (<{0}.meaning>); it could mean that <{0}.outlook>."
)
_ROSE = (
    "<{0}.label> rose from <{0}.previous> to <{0}.current> (up <{0}.gain>), the last <{0}.period> against the"
    " <{0}.period> before (<{0}.meaning>)."
)
_LEVEL = "<{0}.label> over the last <{0}.period>: <{0}.current> (<{0}.meaning>)."
_FORECAST = "<{0}.name> – boost engagement: its <{0}.metric> of <{0}.product> is forecast to go from <{0}.current> to"
_FORECAST += " <{0}.forecast> next month."


def _row(number: int, name: str, days: int, on: date) -> dict[str, tuple[Value, Unit, str]]:
    return {
        f"r{number}__rank": (number + 1, "count", "place in this list"),
        f"r{number}__account_id": (f"A-{number}", "text", "account"),
        f"r{number}__name": (name, "text", "account"),
        f"r{number}__renewal_date": (on, "date", "renewal date"),
        f"r{number}__days_to_renewal": (days, "days", "days to renewal"),
    }


_ROWS = (
    _row(0, "Acme Foods", 40, date(2026, 8, 9))
    | _row(1, "Globex Bank", 75, date(2026, 9, 13))
    | _row(2, "Initech Media", 12, date(2026, 7, 12))
)

SCENES = {
    "rank": _scene(
        "Who should I call this week, and why?",
        [
            _FORECAST.format(0),
            _RENEWS.format(0),
            "<1.name> – promote an upsell: a touch is expected to change its spend by <1.uplift_usd>.",
            _RENEWS.format(1),
            "<2.name> – prevent churn: left alone its spend is expected to change by <2.untouched_usd>, and a touch"
            " changes that by <2.uplift_usd>.",
            _RENEWS.format(2),
        ],
        **_ROWS,
        r0__metric=("adoption", "text", "metric"), r0__product=("Talent Hub", "text", "product"),
        r0__current=(1.0, "percent", "adoption"), r0__forecast=(0.43, "percent", "adoption"),
        r0__uplift_usd=(1900, "usd", "uplift"), r0__spend_usd=(9100, "usd", "spend"),
        r1__uplift_usd=(1500, "usd", "uplift"), r1__spend_usd=(42000, "usd", "spend"),
        r2__uplift_usd=(900, "usd", "uplift"), r2__untouched_usd=(-3100, "usd", "growth"),
        r2__spend_usd=(12000, "usd", "spend"),
    ),
    "churn": _scene(
        "Which of my accounts are most likely to churn?",
        [
            "<0.name>: churn probability <0.churn_probability>, with an annual spend of <0.spend_usd>.",
            _RENEWS.format(0),
            "<1.name>: churn probability <1.churn_probability>, with an annual spend of <1.spend_usd>.",
            _RENEWS.format(1),
            "<2.name>: churn probability <2.churn_probability>, with an annual spend of <2.spend_usd>.",
            _RENEWS.format(2),
        ],
        **_ROWS,
        r0__churn_probability=(0.615, "percent", "churn probability"), r0__spend_usd=(8312, "usd", "spend"),
        r1__churn_probability=(0.551, "percent", "churn probability"), r1__spend_usd=(5323, "usd", "spend"),
        r2__churn_probability=(0.512, "percent", "churn probability"), r2__spend_usd=(6553, "usd", "spend"),
    ),
    "renewals": _scene(
        "List the accounts with the earliest renewals.",
        [
            "<0.name> renews on <0.renewal_date>, in <0.days_to_renewal>, with an annual spend of <0.spend_usd>.",
            _FELL.format("0.why0"),
            "<1.name> renews on <1.renewal_date>, in <1.days_to_renewal>, with an annual spend of <1.spend_usd>.",
            _LEVEL.format("1.why0"),
        ],
        **_row(0, "Acme Foods", 5, date(2026, 7, 5)), **_row(1, "Globex Bank", 7, date(2026, 7, 7)),
        r0__spend_usd=(11533, "usd", "spend"), r1__spend_usd=(4344, "usd", "spend"),
        **_reason("r0__why0", "utilisation", "pct", previous=49.7, current=34.7, drop=15.0, period="3 months",
                  meaning="points to churn", outlook="its people get less out of what it bought"),
        **_reason("r1__why0", "support tickets", "count", current=3, period="12 months",
                  meaning="points away from churn"),
    ),
    "recommend": _scene(
        "What should I do with Acme Foods?",
        [
            "<0.name> – <0.action>: learned from <0.reactions> reactions to earlier actions; the scores alone say:"
            " <0.heuristic_action>.",
            "The chance that this action is drawn is <0.propensity>, by what <0.reactions> reactions teach.",
            "It is on the worklist of <0.owner>, at rank <0.worklist_rank>.",
            "RTCD: <0.renewal_date>, in <0.days_to_renewal>.",
            "Upsell: we recommend exploring add-on opportunities with this customer.",
            _ROSE.format("0.why0").replace(" (<0.why0.meaning>)", ""),
        ],
        **_row(0, "Acme Foods", 40, date(2026, 8, 9)),
        r0__action=("promote an upsell", "text", "action"),
        r0__heuristic_action=("boost engagement", "text", "action by the scores alone"),
        r0__reactions=(236, "count", "reactions"), r0__propensity=(0.52, "percent", "chance to be drawn"),
        r0__owner=("Ana Torres", "text", "owner"), r0__worklist_rank=(21, "count", "rank"),
        **_reason("r0__why0", "usage events", "count", previous=77, current=106, gain=37.7, period="3 months"),
    ),
    "account": _scene(
        "Tell me about Acme Foods",
        [
            "<name> (id <account_id>).", "Segment: <segment>.", "Region: <region>.", "Industry: <industry>.",
            "Owner: <owner>.", "It has <employees> employees and a revenue of <revenue_usd>.",
            "It renews on <renewal_date>, in <days_to_renewal>, with an annual spend of <spend_usd>.",
            "Tickets in the last <days>: <recent>; open tickets <open>, of them urgent <urgent>.",
            "Last touch: <kind> on <date>.", "<contacts.name>, <contacts.title>, <contacts.email>.",
        ],
        name=("Acme Foods", "text", "account"), account_id=("A-0", "text", "account"),
        segment=("SMB", "text", "segment"), region=("EMEA", "text", "region"),
        industry=("Hospitality", "text", "industry"), owner=("Ana Torres", "text", "owner"),
        employees=(30, "count", "employees"), revenue_usd=(5914000, "usd", "revenue"),
        renewal_date=(date(2026, 8, 9), "date", "renewal date"), days_to_renewal=(40, "days", "days to renewal"),
        spend_usd=(7053, "usd", "spend"), days=(90, "days", "horizon"), recent=(4, "count", "recent tickets"),
        open=(2, "count", "open tickets"), urgent=(1, "count", "urgent open tickets"),
        kind=("email", "text", "kind of touch"), date=(date(2026, 5, 2), "date", "last touch"),
        contacts__name=("Maria Jones", "text", "contact"), contacts__title=("CFO", "text", "title"),
        contacts__email=("maria.jones at acme", "text", "email"),
    ),
    "explain": _scene(
        "Why might Acme Foods churn?",
        [
            "<name> has a churn probability of <churn_probability>. What points to churn comes first, then what points"
            " away from it:",
            _ROSE.format("why0"), _FELL.format("why1"), _LEVEL.format("why2"),
        ],
        name=("Acme Foods", "text", "account"), churn_probability=(0.486, "percent", "churn probability"),
        **_reason("why0", "errors per usage event", "percent", previous=0.007, current=0.015, gain=0.8,
                  period="3 months", meaning="points to churn"),
        **_reason("why1", "utilisation", "pct", previous=63.2, current=48.1, drop=15.1, period="month",
                  meaning="points to churn", outlook="its people get less out of what it bought"),
        **_reason("why2", "touches by us", "count", current=1, period="3 months", meaning="points away from churn"),
    ),
    "forecast": _scene(
        "How will usage at Acme Foods develop next month?",
        [
            "Next month's use by <name>, with the <level> interval:",
            "<0.product>: <0.metric> is forecast to rise from <0.current> to <0.forecast> (<0.low> to <0.high>).",
            "<1.product>: <1.metric> is forecast to fall from <1.current> to <1.forecast> (<1.low> to <1.high>).",
        ],
        name=("Acme Foods", "text", "account"), level=(0.8, "percent", "interval level"),
        r0__product=("Talent Hub", "text", "product"), r0__metric=("utilisation", "text", "metric"),
        r0__current=(58.2, "pct", "utilisation"), r0__forecast=(61.1, "pct", "utilisation"),
        r0__low=(47.2, "pct", "utilisation"), r0__high=(72.6, "pct", "utilisation"),
        r1__product=("Job Slots", "text", "product"), r1__metric=("adoption", "text", "metric"),
        r1__current=(0.9, "percent", "adoption"), r1__forecast=(0.7, "percent", "adoption"),
        r1__low=(0.5, "percent", "adoption"), r1__high=(0.85, "percent", "adoption"),
    ),
    "growth": _scene(
        "Will Acme Foods grow?",
        [
            "<name>: its spend is expected to change by <growth_usd>, from <spend_usd> a year now (growth score"
            " <growth_score>).",
            "Upsell probability <upsell_probability>, churn probability <churn_probability>; out of sample the model"
            " tells shrinking accounts apart with AUC <model.auc_churn_value>"
            " (<level> interval <model.auc_churn_low> to <model.auc_churn_high>).",
            "Its seats are expected to change by <seats_growth>, from <seats> now.",
            "<components0.product>: <components0.spend_usd> a year and seats <components0.seats> under contract now,"
            " expected to change by <components0.delta>.",
        ],
        name=("Acme Foods", "text", "account"), growth_usd=(-564, "usd", "growth"), spend_usd=(7053, "usd", "spend"),
        growth_score=(-0.3, "score", "growth score"), upsell_probability=(0.224, "percent", "upsell probability"),
        churn_probability=(0.486, "percent", "churn probability"), level=(0.95, "percent", "interval level"),
        model__auc_churn_value=(0.643, "ratio", "auc_churn"), model__auc_churn_low=(0.585, "ratio", "auc_churn"),
        model__auc_churn_high=(0.697, "ratio", "auc_churn"), seats_growth=(-0.9, "count", "seat growth"),
        seats=(8, "count", "seats"), components0__product=("Talent Hub", "text", "product"),
        components0__spend_usd=(4933, "usd", "spend"), components0__seats=(3, "count", "seats"),
        components0__delta=(-0.3, "count", "seat growth"),
    ),
    "uplift": _scene(
        "What would a call change at Acme Foods?",
        [
            "A touch of <name> is expected to change its spend by <uplift_usd>, from an annual spend of <spend_usd>.",
            "Left alone its spend is expected to change by <untouched_usd>, touched by <touched_usd>.",
            "In the past a touch changed spend by <model.ate_value> of it (<level> interval <model.ate_low> to"
            " <model.ate_high>).",
        ],
        name=("Acme Foods", "text", "account"), uplift_usd=(1240, "usd", "uplift"), spend_usd=(7053, "usd", "spend"),
        untouched_usd=(-800, "usd", "growth"), touched_usd=(440, "usd", "growth"),
        level=(0.95, "percent", "interval level"),
        model__ate_value=(0.131, "percent", "ate"), model__ate_low=(0.071, "percent", "ate"),
        model__ate_high=(0.191, "percent", "ate"),
    ),
    "book": _scene(
        "Summarize my book",
        [
            "Accounts <total.accounts>, with an annual spend of <total.spend_usd>.",
            "Renewals due in the next <horizon>: <total.due>, with an annual spend of <total.due_usd>.",
            "Open deals: <total.open_deals> (<filter>).", "The open deals with an amount come to <total.open_usd>.",
            "Win rate <total.win_rate>: deals won <total.won_deals>, lost <total.lost_deals>.",
            "Won total <total.won_usd>.",
            "Quota attainment <total.attainment>: won <total.won_usd> of <total.quota_usd> this year.",
        ],
        total__accounts=(50, "count", "accounts"), total__spend_usd=(4304491, "usd", "spend"),
        horizon=(90, "days", "horizon"), total__due=(15, "count", "renewals due"),
        total__due_usd=(1709940, "usd", "spend up for renewal"), total__open_deals=(22, "count", "open deals"),
        filter=("whole book in your scope", "text", "filter"), total__open_usd=(1789310, "usd", "amount of open deals"),
        total__win_rate=(0.654, "percent", "win rate"), total__won_deals=(285, "count", "deals won"),
        total__lost_deals=(151, "count", "deals lost"), total__won_usd=(8753346, "usd", "won total"),
        total__attainment=(0.83, "percent", "quota attainment"), total__quota_usd=(10500000, "usd", "quota"),
    ),
    "study": _scene(
        "Did the spring pilot work?",
        [
            "Study <study> (<kind>; <starts> to <ends>, <state>), as of <as_of>: <verdict>.",
            "The treatment changed the outcome by <effect> (<level> interval <low> to <high>). The outcome: <outcome>.",
            "Relative to what it would have been without, that is <lift>.",
            "Units of assignment: <units>, of them treated <units_treated>.",
        ],
        study=("spring pilot", "text", "study"), kind=("A/B test", "text", "kind"),
        starts=(date(2026, 1, 5), "date", "start"), ends=(date(2026, 4, 5), "date", "end"),
        state=("ended", "text", "state"), as_of=(date(2026, 6, 30), "date", "as of"),
        verdict=("causal", "text", "verdict"), effect=(310, "usd", "effect"), level=(0.95, "percent", "interval level"),
        low=(40, "usd", "effect"), high=(580, "usd", "effect"), outcome=("bookings per account", "text", "outcome"),
        lift=(0.062, "percent", "relative effect"), units=(240, "count", "units of assignment"),
        units_treated=(118, "count", "units treated"),
    ),
    "features": _scene(
        "Which features measure support tickets?",
        [
            "Features found for <query>: <found>, the best first.",
            "<0.name>: <0.label>, from the table <0.table>. Accounts without a value: <0.null_share>; median"
            " <0.median>.",
            "<1.name>: <1.label>, from the table <1.table>. Accounts without a value: <1.null_share>; median"
            " <1.median>.",
        ],
        query=("support tickets", "text", "words asked for"), found=(10, "count", "features found"),
        r0__name=("tickets_l3m", "text", "feature"), r0__label=("support tickets", "text", "label"),
        r0__table=("tickets", "text", "table"), r0__null_share=(0.0, "percent", "accounts without a value"),
        r0__median=(1, "count", "median"), r1__name=("urgent_share_l12m", "text", "feature"),
        r1__label=("share of urgent tickets", "text", "label"), r1__table=("tickets", "text", "table"),
        r1__null_share=(0.35, "percent", "accounts without a value"), r1__median=(0.25, "percent", "median"),
    ),
    "scenario": _scene(
        "What if Ana is away in June?",
        [
            "Scenario <scenario>, as of <as_of>: <what>. Nothing is changed yet.",
            "The lists of the team would be worth <value_after> in priority instead of <value_before>: a difference of"
            " <gain_value>.",
            "Accounts that change hands: <moved>; the table lists <listed>.",
            "<0.name>: accounts worked on <0.before> before, <0.after> after.",
            "<1.name>: accounts worked on <1.before> before, <1.after> after.",
        ],
        scenario=("S-4", "text", "scenario"), as_of=(date(2026, 6, 30), "date", "as of"),
        what=("without Ana Torres in June", "text", "what is different"),
        value_after=(2175.9, "score", "priority after"), value_before=(2890.3, "score", "priority before"),
        gain_value=(-714.4, "score", "priority difference"), moved=(3, "count", "accounts that change hands"),
        listed=(3, "count", "accounts in the table"), r0__name=("Ana Torres", "text", "rep"),
        r0__before=(25, "count", "accounts before"), r0__after=(0, "count", "accounts after"),
        r1__name=("Ben Okafor", "text", "rep"), r1__before=(22, "count", "accounts before"),
        r1__after=(25, "count", "accounts after"),
    ),
}  # fmt: skip
