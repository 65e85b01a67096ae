"""Word tables of the verifier, English and German: numbers, times, directions, orders, metrics and marks."""

from __future__ import annotations

import re

MARK = "§"  # stands for one reference while the words around it are read


# Sentences are folded to small ASCII letters before they are compared, so "fünf" is found as "funf".


def any_of(*words: str) -> re.Pattern[str]:
    """Compile a table: patterns apart by blanks, ``_`` for a blank inside one."""
    return re.compile(rf"\b(?:{'|'.join(' '.join(words).split())})\b".replace("_", " "))


_UNIT = "(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_EIN = "(?:ein|zwei|zwo|drei|drit|vier|funf|sech|sieb|sieben|acht|neun|zehn|elf|zwolf|zig|ssig|hundert|tausend)"
_ITEMS = "(?:tickets?|deals?|contacts?|touch(?:es)?|usage|calls?|seats?|meetings?|logins?|contracts?|renewals?|spend)"
NUMBER = re.compile(r"[$€£]?\d+(?:[.,:/-]\d+)*(?: ?[%€$£]|[a-z]+)?")
NUMBER_WORD = any_of(
    rf"{_UNIT}(?:s|th|ths|fold|ish)? \w*teen(?:s|th|ths)? (?:second|third|fourth|fifth|ninth|twelfth)s?",
    r"\w*(?:hundred|thousand|illion|milliard|percent|prozent|dozen|dutzend|doubl|tripl|quadrupl|hundert|tausend)\w*",
    r"\w*(?:zwanzig|dreissig|doppel|verdreif|vervierf|tenfold)\w* (?:twent|thirt|fort(?:y|ie)|fift|sixt)\w*",
    r"(?:sevent|eight|ninet|half|halv|halb)\w* twice thrice couple pairs? handful several few single majority minority",
    r"nil nought naught null magnitude multiples? (?:a|few)_grand tens fractions? paar einige\w* mehrere\w* (?:most|all|none|many|scores|bulk)_of",
    r"quarters?_(?:of|as|less|more|lower|higher|again) by_(?:a|one)_quarter every_other basis_points? bps",
    rf"(?!(?:ein|eine[nrsm]?|einmal|einfach\w*)\b){_EIN}(?:(?:und)?(?:s|{_EIN}))*(?:mal|fach\w*|s?t?e[nrsm]?|tel|stel)?",
    r"(?:zweit|dritt|viert|funft)(?:grosst|hochst|best|kleinst|niedrigst)\w* ii iii iv vi{1,3} ix xi{0,3} xi?v xx",
    rf"(?:has|have|had|with|is|are|was|were)_(?:no|zero)_(?:\w+_)?{_ITEMS}",
    rf"without_(?:any_)?(?!an?_|the_)(?:\w+_)?{_ITEMS}",
)
PRONOUN = re.compile(
    r"\b(?:(?:this|that|no|any|every|each|which|the|another|other|next)[ -]one|ones|one (?:of|another)"
    r"|one[- ](?:on|to)[- ]one|(?:with|without) one)\b"
)
ROMAN = re.compile(r"\b(?:[IVXLCDM]{2,}|[VXLCDM])\b")
MONTH = any_of(
    "january february april june july august september october november december januar februar marz mai juni juli",
    "oktober dezember jan feb apr aug sept? oct nov dec tue wed thu fri (?:mon|tues|wednes|thurs|fri|satur|sun)days?",
    "(?:mon|diens|donners|frei|sams|sonn)tags? mittwochs? yesterday gestern ubermorgen christmas easter weekend",
    "(?:this|next|last|in)_(?:the_)?(?:spring|summer|autumn|fall|winter)",
)
CASED_MONTH = re.compile(r"\b(?:May|March|Mar|Jun|Jul|Mon|Sat|Sun)\b")  # in small letters these are other words
PERIOD = re.compile(
    r"(?<!§ )\ban? (?:hour|day|week|fortnight|month|quarter|year|decade)\b|§ an? (?:hour|day|week|month|quarter)\b"
    r"|§ (?:per|each|every) \w|\b(?:hours|days|weeks|months|years) (?:ago|away|left|old|late)\b|\bmid-?year\b"
    r"|\b(?:for|by|in|within) (?:hours|days|weeks|months|years)\b|\b(?:last|past) (?:week|month|quarter|year)\b"
    r"|\b(?:year|month|quarter)[- ]end\b|\bmid-?month\b|\bfortnight\b|\bnew year\b|\bcoming (?:hours|days|weeks|months)\b"
    r"|\b(?:shortly|imminent\w*|hourly|daily|weekly|monthly|quarterly|lifetime)\b|\bend of (?:the )?(?:year|month|quarter)\b"
)
SOON = any_of("today tomorrow tonight heute morgen (?:next|this|coming)_(?:week|month|quarter|year)")
DUE = any_of(r"renew\w* expir\w* due ends? ended lapse\w* overdue was were has_been called met contacted")
_WENT = (
    r"\b(?:is|are|was|were|be|been|went|goes|going|gone|moved|trend\w*|tick\w*|edg\w*|shot|picked|ramped|crept|headed) "
    r"(?:\w+ly )?"
)
_BY = r"(?: (?:by|of|from|to))? §"
ROSE = any_of(
    r"rose rises? rising risen grew grows? growing grown increas\w* climb\w* jump\w* surg\w* soar\w* expand\w*",
    r"swell\w* spik(?:es?|ed|ing) balloon\w* rall(?:y|ied) stieg\w* steig\w* gestiegen wuchs\w* wachst wachsen\w*",
    r"advanc(?:es?|ed|ing) strengthen\w* gewachsen erhoht\w* zugenommen zunimmt zunahm\w*",
)
FELL = any_of(
    r"fell falls? falling fallen drop\w* declin\w* decreas\w* shrank shrunk shrink\w* slip\w* sank\w* sunk sink\w*",
    r"plung\w* plummet\w* nosediv\w* slid(?:e|es|ing)? weaken\w* crater\w* slump\w* tumbl\w* dip(?:s|ped|ping)?",
    r"collaps\w* crash\w* tank(?:s|ed|ing) wan(?:es|ed|ing) fad(?:es|ed|ing) erod\w* shed(?:s|ding)? lower(?:ed|ing|s)",
    r"reduc\w* dwindl\w* fiel\w* fallt gefallen gesunken ruckgang zuruckgegangen rucklaufig\w* abgenommen abnahm\w*",
    r"verringert\w* reduziert\w* contracted soften\w* eas(?:es|ed|ing)",
)
UPWARDS = re.compile(rf"{_WENT}up\b(?! for| to you)|\b(?:up|adds?|added|gain(?:s|ed)?){_BY}")
DOWNWARDS = re.compile(rf"{_WENT}down\b|\b(?:down|loses?|losing|loss(?:es)?){_BY}")
LEVELLED = any_of(
    r"unchanged flat steady stable stagna\w* constant unverandert stabil remain(?:s|ed)? no_changes?",
    r"(?:stay(?:s|ed)?|held|holds?)_(?:the_same|where|firm|level|up) (?:not|hardly|scarcely)_(?:chang|mov|budg)\w*",
)
TURNED = any_of(
    r"improv\w* worsen\w* deteriorat\w* recover\w* accelerat\w* verbesser\w* verschlechter\w*",
    r"an?_(?:gain|setback|upswing|downturn|uptick|downtick) (?:up|down)ward\w* (?:is|are|was|were)_(?:positive|negative)",
    r"better worse bounced rebound\w* peak(?:s|ed)? bottom(?:s|ed) an?_(?:record|new_high|new_low)",
    r"(?:positive|negative)_(?:trend|develop|momentum)\w*",
)
DIRECTIONS = ((ROSE, 1), (UPWARDS, 1), (FELL, -1), (DOWNWARDS, -1), (LEVELLED, 0), (TURNED, None))
FROM_TO = re.compile(
    r"\b(?:from|von|vom) (?:[a-z]+ ){0,3}(§)(?:(?! (?:from|von|vom) ).){0,60}? (?:to|auf|zu) (?:[a-z]+ ){0,3}(§)"
)
TO_FROM = re.compile(
    r"(?:\b(?:to|auf|zu) (?:[a-z]+ )?|\b(?:is|at|now) (?=§,? (?:up|down) from))(§).{0,30}?"
    r" (?:from|von|vom) (?:[a-z]+ ){0,3}(§)"
)
ADVICE = re.compile(
    r"(?<!set )(?<!likely )(?<!expected )(?<!forecast )(?<!due )(?<!about )(?<!continues )(?<!continued )(?<!started )"
    r"(?<!seems )(?<!appears )\b(?:to|helps?|could|can|should|might) (?:[a-z]+ )?$"
)
A_CHANGE = any_of(r"chang\w* delta differ\w* gain\w* loss\w* trend\w* growth uplift drop decline lift verander\w*")
CHANGE = re.compile(rf"{A_CHANGE.pattern}|\b(?:by|adds?)\b")
DROP = any_of(r"drop declin\w* loss decrease fall")
MORE = any_of("higher larger bigger greater more later longer stronger hoher grosser mehr spater langer")
LESS = any_of("lower smaller less fewer earlier sooner shorter weaker niedriger kleiner weniger geringer fruher kurzer")
BARE = any_of("higher larger bigger greater lower smaller fewer stronger weaker hoher grosser niedriger kleiner")
THAN = re.compile(r"\b(?<!rather )(?<!other )(?:than|als)\b")
ABOVE = re.compile(
    r"\b(?:above|exceed\w*|outweigh\w*|beats?|dwarf\w*|outspend\w*|outpac\w*|overt(?:ook|akes?|aking)|outperform\w*|outranks?|surpass\w*)\b"
    r"|\b(?:over|beyond|ahead of|uber) (?:the )?(?=§)"
)
BELOW = re.compile(
    r"(?<!table )(?<!list )(?<!see )\b(?:below|trails?|under (?:that|those))\b|\b(?:under|behind|unter) (?:the )?(?=§)"
)
SAME = re.compile(r"\b(?:(?:the )?same(?: \w+)? as|equals?(?: to)?|as (?:high|low|much|many|large) as|gleich) (?=.*§)")
HIGHEST = any_of(
    r"highest largest biggest greatest strongest most(?:_likely)?(?!_recent) longest last_(?:to|account|one|customer) hochste\w* grosste\w* meiste\w*"
)
LOWEST = any_of(
    r"lowest smallest least(?:_likely)? fewest shortest weakest soonest earliest nearest niedrigste\w* kleinste\w* fruheste\w* (?:renews?|expires?|due)_first first_to_(?:renew|expire) next_to"
)
OTHER_BEST = re.compile(
    r"\b(?!(?:inter|sugg|requ|t|r|lat|inv|w|hon|mod|gu|qu|prot|cont|manif|harv|dig|for)est\b)\w{2,}est\b"
)
FIRST = any_of("top tops topmost leading ranks?_first ranked_first comes?_first is_first the_first leads?_with")
WIDER = any_of("book overall everyone everything team company ever portfolio territory")  # than the rows in the answer
LEVEL = any_of(
    r"high low moderate\w* medium strong\w* weak\w* large small huge tiny big significant\w* substantial\w* slight\w*",
    r"sharp\w* steep\w* severe\w* healthy excellent poor\w* minor major considerabl\w* nearly almost barely best worst",
    r"hohe\w* hoch niedrige\w* stark\w* schwach\w* gering\w* deutlich\w* leicht\w* fast rund",
)
JUDGED = re.compile(
    r"(?<!as )\bwell\b(?! as)|\bon track\b|\bin (?:\w+ )?(?:shape|danger|trouble)\b|\bat risk\b|\bunlikely\b|(?<!most )(?<!least )\blikely\b|\bsafe\b|"
    r"\b(?:good|great|bad|badly|solid|promising|robust|thriving|struggling|concerning|alarming|worrying|encouraging|"
    r"disappointing|impressive|nicely|comfortable|fortunately|unfortunately|gut|gute\w*|schlecht\w*)\b"
)
BECAUSE = re.compile(
    r"\b(?:due to|thanks to|owing to|caused by|leads? to|results? in|stems? from|signals|indicates?|suggests|means that|reflects?|implies|reveals?|proves?"
    r"|shows? that|(?:since|after) the (?!last)|therefore|hence|thus|wegen|dank)\b"
)
COMPARED = re.compile(r"\b(?:compared?|than|versus|vs|against|verglichen|gegenuber|als)\b")
NOT = re.compile(r"\b(?:not|never|no|neither|nor|without|hardly|cannot|kein\w*|nicht|nie|ohne)\b|n't\b")
NOT_SO = re.compile(r"\b(?:not|never|cannot|nicht|nie)\b|n't\b")
STILL = any_of("since for yet until only just before longer seit bisher")  # "not contacted since 2026-03-01"
CLAUSE = re.compile(r"[,;:]|\bbut\b")
MARKUP = re.compile(r"//|www\.|mailto|javascript|&#|&[a-z]+;|\b[a-z0-9-]{2,}\.[a-z]{2,}|\b(?:[a-z][ .–-]){2,}[a-z]\b")
MARKED_VALUE = re.compile(r"://|www\.|<[a-z/!]|\]\(|!\[", re.IGNORECASE)
STRANGE = re.compile(r"[^a-z0-9§%$€£ .,;:!?'\"()/&–—-]")
HIDDEN = ("No", "Nl", "Cf", "Zs")  # Unicode kinds: ½ and ², Ⅻ, joiners and soft hyphens, hair spaces
GLUED = re.compile(r"[a-z0-9]§|§[a-z0-9]|(?:^|[ (])[–—-]§|§[.,']?§|\b(?:minus|plus|negative|positive) §|§[ -]?[.,]\d")
UNIT_AFTER = re.compile(
    r"§[ -]?(?:percent|points?|days?|weeks?|months?|years?|hours?|minutes?|dollars?|euros?|usd|eur|times|fold|k|mn)\b"
)
METRICS = {
    "uplift": any_of("uplifts? lift incremental ate"),
    "churn": any_of(r"churn\w* attrition abwander\w* kundigung\w*"),
    "growth": any_of(r"growth wachstum\w*"),
    "usage": any_of(r"usage utili[sz]ation used nutzung\w* auslastung"),
    "adoption": any_of("adoption"),
    "engagement": any_of("engagement"),
    "priority": any_of("priority prioritat"),
    "renewal": any_of(r"renew\w* rtcd expir\w* verlanger\w*"),
    "price": any_of(r"prices? preis\w*"),
    "win rate": any_of("win_rates? abschlussquote"),
    "spend": any_of(r"spend\w* spent arr ausgaben"),
    "tickets": any_of("tickets?"),
    "quota": any_of("quota attainment"),
    "last touch": any_of(r"last_touch last_contact\w* contacted"),
    "seats": any_of("seats?"),
    "users": any_of("users?"),
    "employees": any_of(r"employees? headcount workforce"),
    "revenue": any_of("revenues?"),
    "discount": any_of("discounts?"),
    "deals": any_of("deals"),
    "contacts": any_of("contacts"),
    "confidence": any_of("confidence certainty"),
    "chance to stay or grow": any_of(
        r"(?:renewal|retention|survival)_(?:probabilit\w*|chances?|likelihood|odds|rate)",
        r"(?:probabilit\w*|chances?|likelihood|odds)_(?:of|to)_(?:renew\w*|stay\w*|survi\w*|retention|grow\w*|expan\w*)",
    ),
    "probability": any_of(r"probabilit\w* wahrscheinlich\w*"),
}
COUNTED = ("seats", "users", "employees", "deals", "contacts")  # said of a number of them, not of money
QUALIFIERS = (
    (any_of("total sum combined together altogether insgesamt"), any_of("totals? sum combined")),
    (any_of("difference gap remainder shortfall surplus the_rest"), any_of("difference gap change delta drop gain")),
    (any_of(r"average mean median typical\w* durchschnitt\w*"), any_of("average mean median ate")),
)
OVERALL = any_of("average past overall model durchschnitt auc modell")  # said of a value that is nobody's own
CHANGED_BY = re.compile(r"\bchang(?:e|es|ed|ing) by $")
BOUND = re.compile(r"\b(?:low|high)$")
BOUNDS = re.compile(r"§ (?:to|and|bis|und) §")
FORECAST = any_of(r"forecast\w* expect\w* predict\w* prognose\w*")
AHEAD = any_of(r"forecast\w* expect\w* predict\w* estimat\w* prognos\w* will would could likely may might next wird")
BESIDE = (
    re.compile(r" (?:(?:of|in|as) )?"),
    re.compile(r" (?:(?:of|in|as) )?(?!(?:and|or|but|while|with|from|to|und)\b)[a-z]+ "),
)
JOINED = re.compile(r"[ ,]*(?:and|or|to|versus|vs\.?|against|respectively|und|auf|zu|§|[ ,(])*[ ,]*")
COUNTING = re.compile(r" (?!(?:and|or|to|at|for|in|on|over|from|by|with|of|und|auf|bei)\b)[a-z]")
IN_TIME = re.compile(
    r"\b(?:on|in|since|until|by|before|after|within|for|over|last|next|past|from|of|am|seit|bis|vor)"
    r"(?: the)?(?: last| next| past)? $"
)
WINDOW = re.compile(r"\b(?:last|past|next|previous|coming|letzten|nachsten) $")
ASIDE = re.compile(  # a metric's name that only says when, or which model
    r"\b(?:at|before|after|until|ahead of|for|around) (?:the |its |their |next )*renewal\b|\b[a-z]+ model\b"
)
OF_OWNER = re.compile(r"(?: (?:in|of) [a-z]+)? (?:at|for|from|with|bei|fur|von) ")
CAPITALS = re.compile(r"\b[A-Z][\w'&-]*(?: [A-Z][\w'&-]*)*")
OPENING = re.compile(r"(?:^|[.:!?\"(–—] ?)$")
STARTERS = any_of(  # capital words that begin sentences, and account names too
    "this that these those with when what where which your their here there first next call open after before both",
    "from have must only over some then they under will would while since also best good great global general",
)
SPOKEN = any_of("I CRM ROI ARR AUC CEO CTO CFO CIO VP QBR IT HR KPI FAQ SLA OK Sie Ihr Ihre Ihrer Ihren Ihnen")
GERMAN = any_of(
    "der die das und ist von vom mit fur auf wird dem den ein einen eine nicht ihr sie ich wir bei zum zur im am uber",
    "vor seit",
)
# Function words of English alone, as far as its neighbours go.
ENGLISH = any_of("the and to with from has its are my which what who how why should this that their your they")
ABBREVIATION = any_of(
    r"e\.g i\.e etc vs inc ltd corp co mrs? ms dr prof st jr approx ca z\.b d\.h bzw nr usw no [a-z] \d{1,2}"
)
SENTENCE_END = re.compile(r"[.!?…]+[\"')\]»”]*(?=\s)|\n+")
