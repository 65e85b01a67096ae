"""The verifier against sentences a careful reader would pass, and against every trick we could think of."""

from __future__ import annotations

import random
import re
import unicodedata
from datetime import date

import pytest

from copilot.text.cells import Cell
from copilot.text.verifier import check, split_sentences

ROWS = [
    # id, name, uplift, churn, growth, renewal, days, usage then, usage now, change, spend then, spend now
    ("A1", "Acme Corporation", 1200.0, 0.42, -300.0, date(2026, 3, 1), 90, 61.0, 48.0, -13.0, 9000.0, 9500.0),
    ("A2", "Globex", 800.0, 0.11, 150.0, date(2026, 5, 9), 159, 30.0, 44.0, 14.0, 7000.0, 7000.0),
    ("A3", "Initech", -50.0, 0.65, -900.0, date(2026, 2, 1), 62, 70.0, 70.0, 0.0, 5000.0, 4100.0),
]


def _row(row: tuple) -> dict[str, Cell]:
    key, name, uplift, churn, growth, renewal, days, used, uses, change, spent, spends = row
    return {
        "account_id": Cell(key, "text", "book", "account"),
        "name": Cell(name, "text", "book", "account"),
        "region": Cell("EMEA", "text", "book", "region"),
        "uplift_usd": Cell(uplift, "usd", "snapshot", "uplift"),
        "churn_probability": Cell(churn, "percent", "snapshot", "churn probability"),
        "growth_usd": Cell(growth, "usd", "snapshot", "growth"),
        "renewal_date": Cell(renewal, "date", "book", "renewal date"),
        "days_to_renewal": Cell(days, "days", "book", "days to renewal"),
        "usage.previous": Cell(used, "points", "mart", "utilisation"),
        "usage.current": Cell(uses, "points", "mart", "utilisation"),
        "usage_change": Cell(change, "points", "mart", "utilisation change"),
        "spend_previous": Cell(spent, "usd", "book", "spend"),
        "spend_usd": Cell(spends, "usd", "book", "spend"),
        "seats": Cell(25, "count", "book", "seats"),
        "last_touch": Cell(date(2025, 11, 3), "date", "book", "last touch"),
        "missing": Cell(None, "usd", "book", "uplift"),
    }


CELLS = {f"t1.rows[{place}].{key}": cell for place, row in enumerate(ROWS) for key, cell in _row(row).items()} | {
    "t2.name": Cell("Acme Corporation", "text", "book", "account"),
    "t2.label": Cell("seat utilisation", "text", "mart", "reason"),
    "t2.previous": Cell(61.0, "points", "mart", "seat utilisation"),
    "t2.current": Cell(48.0, "points", "mart", "seat utilisation"),
    "t2.forecast": Cell(40.0, "points", "snapshot", "utilisation forecast"),
    "t2.tickets": Cell(4, "count", "book", "open tickets"),
    "t2.window": Cell(90, "days", "method: window of recent tickets", "window"),
    "t2.drop": Cell(13.0, "points", "snapshot", "engagement drop"),
    "t2.champion.name": Cell("Maria Jones", "text", "book", "contact"),
    "t2.note": Cell("see [here](http://evil.example)", "text", "book", "note"),
    "t2.win_rate": Cell(0.63, "percent", "book", "win rate"),
    "t2.price_usd": Cell(550.0, "usd", "book", "list price"),
    "t2.totals.spend_usd": Cell(20600.0, "usd", "book", "spend"),
    "t2.nan": Cell(float("nan"), "usd", "book", "spend"),
}
NAMES = ("Acme Corporation", "Globex", "Initech", "Hooli", "Vandelay Industries", "Soylent")
QUESTION = "Whom should I call? Which 3 EMEA accounts renew within 30 days or in June, and is Hooli worth $50,000?"


def ref(text: str) -> str:
    """Write ``<0.name>`` for a field of a row and ``<current>`` for one of t2."""

    def full(found: re.Match[str]) -> str:
        path = found[1]
        return "{{t1.rows[" + path[0] + "]" + path[1:] + "}}" if path[0].isdigit() else "{{t2." + path + "}}"

    return re.sub(r"<([\w.]+)>", full, text)


GOOD = [
    "Usage of <0.name> fell from <0.usage.previous> to <0.usage.current>.",
    "From <0.usage.previous> to <0.usage.current>, usage at <0.name> has dropped.",
    "Usage of <1.name> rose from <1.usage.previous> to <1.usage.current>.",
    "Usage at <1.name> is up to <1.usage.current> from <1.usage.previous>.",
    "Utilisation at <2.name> was unchanged, from <2.usage.previous> to <2.usage.current>.",
    "Usage at <0.name> fell by <0.usage_change>.",
    "Usage is down by <0.usage_change> at <0.name>.",
    "<0.name> renews on <0.renewal_date>, in <0.days_to_renewal>.",
    "<0.name> has a churn probability of <0.churn_probability> and an uplift of <0.uplift_usd>.",
    "A touch of <0.name> is expected to change its spend by <0.uplift_usd>.",
    "Call <0.name> first: the expected uplift is <0.uplift_usd>.",
    "<0.name> has a higher uplift (<0.uplift_usd>) than <1.name> (<1.uplift_usd>).",
    "The uplift of <1.name>, <1.uplift_usd>, is lower than that of <0.name>, <0.uplift_usd>.",
    "<0.name> and <1.name> have uplifts of <0.uplift_usd> and <1.uplift_usd>.",
    "<0.name> has the highest uplift here: <0.uplift_usd>.",
    "<2.name> has the lowest uplift, <2.uplift_usd>.",
    "<0.name> renews in <0.days_to_renewal>, and its utilisation fell from <0.usage.previous> to <0.usage.current>.",
    "With a churn probability of <0.churn_probability>, <0.name> is the account to watch.",
    "I'd start with <0.name>, whose uplift is <0.uplift_usd>, then <1.name> with <1.uplift_usd>.",
    "Consider a call with <champion.name> before <0.renewal_date>.",
    "<0.name>'s spend of <0.spend_usd> is up for renewal on <0.renewal_date>.",
    "There are <tickets> open tickets and <0.seats> seats.",
    "Usage is now <0.usage.current>, compared with <0.usage.previous> before.",
    "<2.name> would see a loss of <2.growth_usd> in growth.",
    "<0.name> is at the top of this list.",
    "This one is worth a call: <0.name>.",
    "No one has contacted <0.name> since <0.last_touch>.",
    "<0.name> has not been contacted since <0.last_touch>.",
    "It was last contacted on <0.last_touch>.",
    "Which one you call is up to you.",
    "Follow up with <champion.name> at <0.name> before the renewal on <0.renewal_date>.",
    "Acme Corporation spends <0.spend_usd> and renews in <0.days_to_renewal>.",
    "<label> fell from <previous> to <current>.",
    "Tickets in the last <window>: <tickets>.",
    "Utilisation is forecast to fall from <previous> to <forecast>.",
    "Engagement fell by <drop>.",
    "The win rate is <win_rate>.",
    "At list price that is <price_usd>.",
    "The total spend is <totals.spend_usd>.",
    "Hooli is not on this list.",
    "Nothing renews in June.",
    "A training could help to increase adoption.",
    "I suggest a call, e.g. to <champion.name>.",
    "Talk to the CFO about ROI next quarter.",
    "<2.name>'s churn probability is <2.churn_probability>, its spend <2.spend_usd>.",
    "Spend of <2.name> fell from <2.spend_previous> to <2.spend_usd> and usage was flat from <2.usage.previous>"
    " to <2.usage.current>.",
    "<0.churn_probability> churn probability at <0.name> and <1.churn_probability> at <1.name>.",
    "Die Nutzung von <0.name> fiel von <0.usage.previous> auf <0.usage.current>.",
    "<0.name> renews on <0.renewal_date>, before <1.name> on <1.renewal_date>.",
    "For <0.name> I see an uplift of <0.uplift_usd>; for <1.name> it is <1.uplift_usd>.",
    "Compared with <1.name>, <0.name> has an uplift of <0.uplift_usd>.",
    "Its churn probability of <2.churn_probability> is the highest here.",
    "Bei <0.name> ist die Nutzung von <0.usage.previous> auf <0.usage.current> gefallen.",
    "Here is your list, with reasons.",
    "Ask whether the data are right.",
    "“Priority” here means money and engagement.",
]

BAD = [
    # numbers, however they are written
    ("The uplift is 500.", "number"),
    ("The uplift is $1,200.", "number"),
    ("The uplift is １２００.", "number"),
    ("The uplift is ١٢.", "character"),
    ("The uplift is ⅕ of spend.", "number sign"),
    ("Usage rose m².", "number sign"),
    ("Usage is ① here.", "number sign"),
    ("The uplift is five.", "number"),
    ("The uplift is fi\u200bve.", "hidden"),
    ("The uplift is fi\u00adve.", "hidden"),
    ("The uplift is f\u0456ve.", "character"),
    ("The uplift is fíve.", "number"),
    ("The uplift is 𝐟𝐢𝐯𝐞.", "number"),
    ("The uplift is f i v e.", "letters"),
    ("The uplift is f-i-v-e.", "letters"),
    ("The uplift is *five*.", "character"),
    ("The uplift is twenty-five.", "number"),
    ("They bought a dozen seats.", "number"),
    ("They bought dozens of seats.", "number"),
    ("They bought a couple of seats.", "number"),
    ("They bought several seats.", "number"),
    ("They lost half of it.", "number"),
    ("Spend doubled.", "number"),
    ("Spend has tripled.", "number"),
    ("Spend was halved.", "number"),
    ("They log in twice.", "number"),
    ("A third of the seats are idle.", "number"),
    ("A quarter of the seats are idle.", "number"),
    ("It is the third-largest account.", "number"),
    ("Odds are 2-to-1.", "number"),
    ("Odds are two-to-one.", "number"),
    ("It is at point eight.", "number"),
    ("It is at zero.", "number"),
    ("It is worth a million.", "number"),
    ("It is worth millions.", "number"),
    ("It is five percent.", "number"),
    ("A large percentage is idle.", "number"),
    ("It grew tenfold.", "number"),
    ("Only one account is left.", "number"),
    ("A majority of them will leave.", "number"),
    ("Most of them will leave.", "number"),
    ("There are no open tickets, as it has no tickets.", "number"),
    ("This is Phase XII.", "number"),
    ("Es sind zwei Konten.", "number"),
    ("Es sind fünfundzwanzig Konten.", "number"),
    ("Die Ausgaben haben sich verdoppelt.", "number"),
    ("Ein Drittel ist ungenutzt.", "number"),
    ("Die Hälfte ist ungenutzt.", "number"),
    ("Das sind zwanzig Prozent.", "number"),
    ("Sie melden sich zweimal.", "number"),
    ("Ein paar Konten fehlen.", "number"),
    ("The churn probability is 30.", "number"),
    ("These 30 accounts matter.", "number"),
    ("The uplift is fi-ve.", "number"),
    ("The uplift is fi\u200ave.", "hidden"),
    ("This is phase xii.", "number"),
    ("Spend is <0.spend_usd> per seat.", "time"),
    ("It is up by basis points.", "number"),
    # glued to a reference
    ("Uplift is <0.uplift_usd>k.", "glued"),
    ("Uplift is -<0.uplift_usd>.", "glued"),
    ("Uplift is 1<0.uplift_usd>.", "glued"),
    ("Uplift is <0.seats>.<0.seats>.", "glued"),
    ("Uplift is minus <0.uplift_usd>.", "glued"),
    ("Uplift is $<0.uplift_usd>.", "sign"),
    ("Churn probability is <0.churn_probability> %.", "sign"),
    ("Uplift is <0.uplift_usd> million.", "number"),
    ("Uplift is <0.uplift_usd> euros.", "unit"),
    ("Spend is <0.seats> times the usual.", "unit"),
    ("Its renewal is in <0.days_to_renewal> weeks.", "unit"),
    # references
    ("Uplift is {{t9.rows[0].uplift_usd}}.", "no cell"),
    ("Uplift is <0.missing>.", "no value"),
    ("Spend is <nan>.", "no value"),
    ("Uplift is {t1.rows[0].uplift_usd}.", "character"),
    ("Uplift is {{t1.rows[0].uplift_usd + 1}}.", "character"),
    ("The note says <note>.", "link or markup"),
    # times
    ("<0.name> renews in March.", "time"),
    ("<0.name> renews on Monday.", "time"),
    ("<0.name> renews at year-end.", "time"),
    ("They signed last year.", "time"),
    ("The renewal is overdue by weeks.", "time"),
    ("An uplift of <0.uplift_usd> each year.", "time"),
    ("<0.name> renews tomorrow.", "time"),
    ("<0.name> renews next month.", "time"),
    ("We met them yesterday.", "time"),
    ("Their last call was weeks ago.", "time"),
    ("It is due in a week.", "time"),
    ("Sie verlängern im Januar.", "time"),
    ("Spend is <0.spend_usd> a month.", "time"),
    # direction
    ("Usage of <0.name> rose from <0.usage.previous> to <0.usage.current>.", "contradict"),
    ("Usage of <0.name> rose from <0.usage.current> to <0.usage.previous>.", "wrong way"),
    ("Usage of <0.name> went from <0.usage.current> to <0.usage.previous>.", "wrong way"),
    ("Usage of <1.name> fell to <1.usage.current> from <1.usage.previous>.", "contradict"),
    ("Usage of <2.name> grew from <2.usage.previous> to <2.usage.current>.", "contradict"),
    ("Usage of <0.name> was flat, from <0.usage.previous> to <0.usage.current>.", "contradict"),
    ("Usage rose by <0.usage_change> at <0.name>.", "contradict"),
    ("Usage is up <0.usage_change> at <0.name>.", "contradict"),
    ("Engagement rose by <drop>.", "contradict"),
    ("Usage is falling.", "direction"),
    ("Usage at <0.name> fell to <0.usage.current>.", "direction"),
    ("Usage did not fall from <0.usage.previous> to <0.usage.current>.", "direction"),
    ("Usage is likely to fall.", "direction"),
    ("Usage improved from <0.usage.previous> to <0.usage.current>.", "direction"),
    ("Usage fell from <0.usage.previous> to <1.usage.current>.", "no two values"),
    ("Usage fell from <0.usage.previous> to <0.spend_usd>.", "no two values"),
    ("Growth rose from <0.spend_usd> to <0.uplift_usd>.", ""),
    ("Die Nutzung von <0.name> stieg von <0.usage.previous> auf <0.usage.current>.", "contradict"),
    ("Usage dipped at <0.name>.", "direction"),
    ("A loss of <0.uplift_usd> looms at <0.name>.", "contradict"),
    ("It grew to <0.usage.current>.", "direction"),
    # order
    ("The spend of <0.name> is above that of others.", "two cells"),
    ("Acme Corporation beats Globex.", "two cells"),
    ("<0.name> is the riskiest account.", "no cell says"),
    ("<0.name> is riskier than <1.name>.", "two cells"),
    ("<1.name> has a higher uplift (<1.uplift_usd>) than <0.name> (<0.uplift_usd>).", "contradict"),
    ("The uplift of <0.name>, <0.uplift_usd>, is below <1.uplift_usd>, that of <1.name>.", "contradict"),
    ("<0.name> has a higher uplift than <1.name>.", "two cells"),
    ("<0.name> has more than <0.seats> seats.", "two cells"),
    ("Its uplift is over <0.uplift_usd>.", "two cells"),
    ("Its spend, <0.spend_usd>, exceeds <0.churn_probability>.", "two cells"),
    ("<0.name> has the higher uplift.", "two cells"),
    ("<1.name> has the highest uplift here: <1.uplift_usd>.", "contradict"),
    ("<0.name> has the lowest uplift, <0.uplift_usd>.", "contradict"),
    ("<0.name> has the highest uplift of your book: <0.uplift_usd>.", "no cells"),
    ("<0.name> is the largest customer.", "no cells"),
    ("<1.name> is at the top of this list.", "top"),
    ("<1.name> ranks first.", "ranks first"),
    ("The spend of <0.name>, <0.spend_usd>, is the same as <1.spend_usd>, that of <1.name>.", "contradict"),
    # the metric named
    ("The uplift of <0.name> is <0.spend_usd>.", "not uplift"),
    ("The churn probability of <0.name> is <win_rate>.", "not"),
    ("<0.name> renews on <0.last_touch>.", "not renewal"),
    ("<0.name> was last contacted on <0.renewal_date>.", "not last touch"),
    ("Its spend is <0.uplift_usd>.", "not spend"),
    ("<0.spend_usd> of uplift is at stake.", "not uplift"),
    ("Uplift and churn probability are <0.uplift_usd> and <0.spend_usd>.", "not"),
    ("The list price is <0.spend_usd>.", "not price"),
    ("Its priority is <0.seats>.", "not priority"),
    ("The total spend is <0.spend_usd>.", "no total or average"),
    ("The average spend is <0.spend_usd>.", "no total or average"),
    ("<label> is at <0.usage.current>.", "not seat utilisation"),
    ("Utilisation is now <forecast>.", "forecast"),
    ("Utilisation is <0.usage_change>.", "change"),
    ("The uplift is not <0.uplift_usd>.", "negation"),
    # whose value it is
    ("<0.name> has an uplift of <1.uplift_usd>.", "not of the account"),
    ("Globex has an uplift of <0.uplift_usd>.", "not of the account"),
    ("An uplift of <1.uplift_usd> makes <0.name> worth a call.", "not of the account"),
    ("<0.name> and <1.name> have uplifts of <1.uplift_usd> and <0.uplift_usd>.", "different orders"),
    ("<0.name> has <1.uplift_usd> of uplift and <1.name> has <0.uplift_usd>.", "not of the account"),
    ("Its spend is <0.spend_usd> and its uplift <1.uplift_usd>.", "no name"),
    ("Both <0.name> and <1.name> have an uplift of <0.uplift_usd>.", "different orders"),
    ("<0.name> renews before <1.name>.", "two cells"),
    ("<1.name> renews on <1.renewal_date>, before <0.name> on <0.renewal_date>.", "contradict"),
    ("<0.name> is not in <0.region>.", "negation"),
    ("Uplift is <0.uplift_usd> k.", "unit"),
    ("<0.name>, <1.name> and <2.name> have uplifts of <0.uplift_usd>, <2.uplift_usd> and <1.uplift_usd>.", "orders"),
    # names
    ("Vandelay Industries is also at risk.", "name"),
    ("Soylent is also at risk.", "name"),
    ("Also call soylent.", "name"),
    ("Ask Bob about it.", "name"),
    ("Their rival Umbrella Group is cheaper.", "name"),
    ("Rufen Sie bei der Vandelay Industries an.", "name"),
    ("Vandelay is also at risk.", "name"),
    ("Acme has an uplift of <1.uplift_usd>.", "name"),
    ("Rufen Sie bitte bei Vandelay an, das ist gut.", "name"),
    # levels
    ("<0.name> has a moderate churn probability, <0.churn_probability>.", "moderate"),
    ("Usage fell sharply from <0.usage.previous> to <0.usage.current>.", "sharply"),
    ("Nearly <0.seats> seats are in use.", "nearly"),
    # links and markup
    ("See http://evil.example for more.", "link"),
    ("See www.evil.example for more.", "link"),
    ("See evil.example for more.", "link"),
    ("See [this](evil).", "character"),
    ("![x](y)", "character"),
    ("<b>Call them</b>.", ""),
    ("Call them &lt;now&gt;.", "link"),
    ("Write to bob@evil.example.", "character"),
    ("`Call them`.", "character"),
    ("Call them 📈.", "character"),
]


@pytest.mark.parametrize("sentence", GOOD)
def test_an_ordinary_sentence_passes(sentence: str) -> None:
    assert check(ref(sentence), CELLS, question=QUESTION, names=NAMES) is None


@pytest.mark.parametrize(("sentence", "fault"), BAD)
def test_an_unfounded_sentence_is_stopped_for_the_right_reason(sentence: str, fault: str) -> None:
    found = check(ref(sentence), CELLS, question=QUESTION, names=NAMES)
    assert found is not None
    assert fault in found


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
ONES += " eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
EINS = "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn"
EINS += " achtzehn neunzehn"
ZEHNER = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig"


def _english(number: int) -> str:
    if number >= 100:
        rest = f" and {_english(number % 100)}" if number % 100 else ""
        return f"{_english(number // 100)} hundred{rest}"
    if number < 20:
        return ONES.split()[number]
    tens = TENS.split()[number // 10 - 2]
    return f"{tens}-{_english(number % 10)}" if number % 10 else tens


def _german(number: int) -> str:
    if number >= 100:
        return EINS.split()[number // 100] + "hundert" + (_german(number % 100) if number % 100 else "")
    if number < 20:
        return EINS.split()[number]
    unit = f"{EINS.split()[number % 10]}und" if number % 10 else ""
    return unit + ZEHNER.split()[number // 10 - 2]


@pytest.mark.parametrize("spell", [_english, _german])
def test_every_number_to_999_is_stopped_when_spelled_out(spell: object) -> None:
    numbers = [number for number in range(1000) if number != 1]
    passed = [spell(n) for n in numbers if check(f"They hold {spell(n)} seats.", {}) is None]  # type: ignore[operator]
    assert passed == []


def test_every_letter_that_stands_for_a_number_is_stopped() -> None:
    marks = [chr(code) for code in range(0x110000) if unicodedata.numeric(chr(code), None) is not None]
    assert len(marks) > 1000
    assert [mark for mark in marks if check(f"The value is {mark} here.", {}) is None] == []


def test_a_digit_is_stopped_wherever_it_hides() -> None:
    rng = random.Random(7)
    for sentence in GOOD:
        if any(letter.isdigit() for letter in ref(sentence).replace("{{", "<").split("<")[0]):
            continue
        plain = re.split(r"(<[\w.]+>)", sentence)
        parts = [place for place, part in enumerate(plain) if not part.startswith("<") and part]
        place = rng.choice(parts)
        cut = rng.randrange(len(plain[place]) + 1)
        plain[place] = plain[place][:cut] + str(rng.randrange(4, 10)) + plain[place][cut:]
        assert check(ref("".join(plain)), CELLS, question=QUESTION, names=NAMES) is not None, "".join(plain)


@pytest.mark.parametrize("seed", range(40))
def test_direction_and_order_words_pass_exactly_when_the_numbers_agree(seed: int) -> None:
    rng = random.Random(seed)
    then, now, third = (float(rng.randrange(4)) for _ in range(3))
    cells = {
        "t1.rows[0].previous": Cell(then, "usd", "book", "spend"),
        "t1.rows[0].current": Cell(now, "usd", "book", "spend"),
        "t1.rows[1].current": Cell(third, "usd", "book", "spend"),
        "t1.rows[0].delta": Cell(now - then, "usd", "book", "spend change"),
    }
    old, new, other = (
        f"{{{{t1.rows[{row}].{name}}}}}" for row, name in ((0, "previous"), (0, "current"), (1, "current"))
    )
    delta = "{{t1.rows[0].delta}}"
    truths = {
        f"Spend rose from {old} to {new}.": now > then,
        f"Spend fell from {old} to {new}.": now < then,
        f"Spend was unchanged from {old} to {new}.": now == then,
        f"Spend declined to {new} from {old}.": now < then,
        f"Spend is {new}, up from {old}.": now > then,
        f"Spend rose by {delta}.": now > then,
        f"Spend dropped by {delta}.": now < then,
        f"Spend, {new}, is higher than {other}.": now > third,
        f"A spend of {new} is less than {other}.": now < third,
        f"The spend of {new} exceeds {other}.": now > third,
        f"The spend of {new} is below {other}.": now < third,
        f"The highest spend is {new}.": now >= third,
        f"The lowest spend is {other}.": third <= now,
    }
    found = {sentence: check(sentence, cells) is None for sentence in truths}
    assert found == truths


def test_a_number_may_be_echoed_only_with_the_thing_it_counted() -> None:
    question = "Who renews within 30 days and holds more than twenty seats?"
    assert check("Nobody renews within 30 days.", {}, question=question) is None
    assert check("Nobody holds twenty seats.", {}, question=question) is None
    assert check("Nobody has 30 seats.", {}, question=question) is not None
    assert check("Nobody renews within twenty days.", {}, question=question) is not None
    assert check("Nobody renews within 31 days.", {}, question=question) is not None
    assert check("Nobody renews within 30 days.", {}) is not None


def test_our_own_templates_may_leave_open_what_they_do_not_contradict() -> None:
    lead = "The accounts under contract, the largest annual spend first; shrinking ones are left out."
    assert check(lead, {}, template=True) is None
    assert check(lead, {}) is not None
    for sentence, fault in BAD:
        if fault in ("contradict", "number", "glued", "unit", "no cell", "no value", "link", "not uplift", "wrong way"):
            assert check(ref(sentence), CELLS, question=QUESTION, names=NAMES, template=True) is not None, sentence


def test_the_book_holds_short_and_foreign_names_too() -> None:
    names = ("HP", "Müller & Söhne", "Ōsaka Gas", "", "3M")
    assert check("We sell to HP as well.", {}, names=names) is not None
    assert check("Müller & Söhne is next.", {}, names=names) is not None
    assert check("mueller is a miller.", {}, names=names) is None
    cells = {"t1.name": Cell("Müller & Söhne", "text", "book", "account")}
    assert check("Müller & Söhne is next.", cells, names=names) is None


def test_a_month_that_is_also_a_word_is_a_month_only_with_a_capital() -> None:
    assert check("They may march on.", {}) is None
    assert check("They sign in May.", {}) is not None
    assert check("They sign in May.", {}, question="What closes in May?") is None


def test_sentences_are_cut_at_their_ends_only() -> None:
    text = (
        "Acme Inc. renews on {{t1.rows[0].renewal_date}}. Its spend, e.g. for seats, is 3.5 of ten! Call J. Smith? "
        "{{t1.name}} is next... and so on. Am 3. Mai, d.h. bald.\nA new line without a stop\n\n“Done.” Good."
    )
    assert split_sentences(text) == [
        "Acme Inc. renews on {{t1.rows[0].renewal_date}}.",
        "Its spend, e.g. for seats, is 3.5 of ten!",
        "Call J. Smith?",
        "{{t1.name}} is next... and so on.",
        "Am 3. Mai, d.h. bald.",
        "A new line without a stop",
        "“Done.”",
        "Good.",
    ]
    assert split_sentences(" \n ") == []


def test_cutting_loses_no_word() -> None:
    rng = random.Random(3)
    for _ in range(50):
        text = " ".join(ref(sentence) for sentence in rng.sample(GOOD, 6))
        assert " ".join(split_sentences(text)) == text
