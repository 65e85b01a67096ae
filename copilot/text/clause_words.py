"""Word lists of ``clauses``: what a clause may be made of. ``§`` is a value, ``@`` an account, ``#`` a written name."""

from __future__ import annotations

import re

# Words that join and place, and claim nothing.
FUNCTION = frozenset(
    """a an the this that these those it its itself they them their we us our you your i my me who whom whose which what
    where when how and or nor but as if then than while with without within for from to of on in at by about between
    both during into until till since because before after so per also too here there now currently current however
    instead overall together alone respectively compared e g finally additionally meanwhile moreover furthermore lately
    recently recent previously previous later still next last first rather either ll d ve re s t m""".split()
)
IS = frozenset("is are was were be been being has have had do does did will would could may might".split())
WOULD = re.compile(r"\b(?:will|would|could|may|might)\b")
OF_AN_ACCOUNT = ("owner", "rep", "contact", "region", "segment", "industry")
# How a value stands beside its name, and what it may be called besides its metric.
BEARING = frozenset(
    """amount amounts come comes stand stands stood see sees seen show shows shown remain remains include includes
    list lists listed count counts counted located belong belongs change changed changes follow follows ran runs due
    number value level rate score figure chance probability likelihood average total sum account customer client company
    annual yearly""".split()
)
ESTIMATE = frozenset("estimate estimated predict predicted prediction forecast expect expected expectation".split())
SPOKEN = frozenset("call called contact contacted spoken speak logged log met no not yet".split())  # and when
TOUCH = frozenset("touch touches touched".split())  # beside what a touch changes
PHRASES = re.compile(  # of words of which each alone could claim something
    r"\b(?:under contract|up for renewal|a year(?= now\b)?|of (?:these|the) accounts(?: here| above| below)?"
    r"|these accounts|on the other hand|at list price|over the last(?= §)|out of(?= sample)|of (?:this|the|your) list"
    r"|ahead(?= of @)|churn risk|left alone|left(?= until)|(?:go|goes|went|gone)(?= (?:up|down|from)\b)"
    r"|in (?:the|this) (?:list|table)(?: below| above)?|based in(?= §)"
    r"|operates(?= in the § industry))\b|(?<=§) left\b"
)
SPANS = frozenset("day days week weeks month months".split())
NEXT_MONTH = re.compile(r"\bnext month(?:'s)?\b")  # where something is forecast
# Words of a cell's name that do not tell it from others.
UNNAMING = frozenset(
    "value current previous date days total count number high level name after before usd pct for".split()
)
# The verbs that advice begins with: an order of going through accounts, a way to attend to one, an action of the plan.
ORDERING = frozenset("start begin turn move go continue look see take consider note list".split())
ATTENDING = frozenset(
    """call contact visit meet talk speak email mail reach touch follow ask discuss plan schedule check review watch
    monitor focus keep prioritise prioritize recommend suggest""".split()
)
ACTION = frozenset("promote prevent boost offer explore exploring reaching recommended recommend action".split())
ATTENTION = ATTENDING | frozenset(
    """meeting out eye attention attend priority worth deserve deserves need needs should can advise look watching
    calling seeing person account customer up over""".split()
)
_OPENS = r"(?:(?:so|then|next|first|finally|also|instead|please|and|but|or|now|after that|to|,) )*"
_ONE = "(?:account|one|customer|person|contact)"
ADVISED = re.compile(
    rf"^ ?{_OPENS}(?:{'|'.join(sorted(ORDERING | ATTENDING | ACTION))})\b"
    r"|\b(?:i|we)(?: would|'d| should| suggest| recommend| advise)\b|\byou (?:could|should|might|may|can)\b"
    r"|\blet(?:'s| us)\b|(?:@|\bit|\bthis one|\bwhich|\bthey) (?:needs?|deserves?) (?:your |our )?attention\b"
    r"|\b(?:is|are|be) worth (?:an?|your) (?:call|visit|look|touch|meeting)\b"
    r"|\bshould be (?:your|the) (?:first|next)? ?(?:call|touch|visit)\b|\bshould be (?:called|contacted|visited)\b"
    rf"|\bthe (?:first|next) {_ONE} to (?:call|see|visit|contact) is @"
    rf"|\bis (?:the|your|an?) (?:first |next )?{_ONE} to (?:call|see|visit|watch|contact)\b"
)
ASKED = re.compile(  # a question for advice
    r"\b(?:should|recommend\w*|suggest\w*|advise|prioriti[sz]e|focus|attention)\b"
    r"|\b(?:who|whom|which|what)\b.*\b(?:call|contact|visit|see|do|next)\b"
)
FRAMED = re.compile(  # the whole of a clause that claims nothing
    r"(?:(?:here|below|above|these|those|this) (?:is|are|come|comes|follows?) )?(?:the|your|my|a)? ?"
    r"(?:list|table|numbers|figures|values|order|accounts|reasons)?(?: (?:below|above|here))?"
    r"|(?:as for|next is|after that comes|then there is|there is|it is followed by|this is|that is|next comes) @"
    r"|@ (?:is|comes) (?:next|first)|(?:on )?the other hand|left alone|touched|if (?:nothing is done|left alone)"
    r"|(?:if you touch|without a touch of|with a touch of) (?:it|@)|(?:with|without) (?:a touch|one)"
    r"|(?:before|after|until|till|when) (?:it|@|its|the) (?:renews|renewal|is up for renewal)"
    r"|(?:all )?(?:the|your) (?:numbers|figures|values|reasons|accounts|rest) (?:is|are)"
    r" in the (?:table|list)(?: below| above)?"
    r"|(?:what changed lately|(?:recent|latest) changes (?:are|include))|it could mean|in (?:that|this) order|that is"
)
_SINCE = r"\bsince\b(?! (?:the |its |our )?(?:last )?(?:touch |contact )?(?:on )?§)"  # not "since 2026-03-01"
_AS = r"\bas (?=(?:its?|their|they|the|we|you)\b|[@§#])"  # not "as for"
CLAUSE = re.compile(  # where one clause ends and the next begins
    r"[,;:.()!?–—&]| - |\b(?:and|but|or|so|while|whereas|because|which|who|whose|where|though|although)\b"
    rf"|(?=\b(?:when|if)\b)|{_SINCE}|{_AS}"
)
TAKES_IN = re.compile(r" ?(?:(?:on|at|in|by|from|of|to|with) )?§")  # goes on with a clause cut off before its value
CAUSE = re.compile(
    rf"\b(?:because|so|therefore|thus|hence|due to|owing to|thanks to)\b|{_SINCE}|{_AS}"
    r"|\b(?:weil|denn|deshalb|daher|darum|somit|wegen|dank|da)\b"
)
MEANWHILE = re.compile(
    r"\b(?:when|once|until|(?:after|since|following)(?= (?:[a-z]+ ){0,4}[§@#]))\b(?! (?:it|@) renews)"
)
MANY = ("customers", "clients", "accounts", "people", "regions", "products")  # other than the one spoken of
TOWARDS = re.compile(r"points to (\w+)|a (touch) helps more")
# German has the tables of numbers, directions and orders, and this list for all the rest.
GERMAN = frozenset(
    """der die das dem den des ein eine einen einem einer eines und oder aber als wie von vom mit fur auf im in ist sind
    war waren wird werden hat haben hatte sein ihr ihre ihrer ihren ihrem seine seiner seinen wir sie es er bei zum zur
    zu am an um nach vor uber unter ab aus bis seit sich auch noch dann danach zuerst jetzt derzeit aktuell hier dort
    betragt liegt steht belauft kommt geht konto kunde kunden vertrag region segment produkt frist datum tag tage tagen
    woche monat monate monaten jahr jahre jahren wert anteil zahl hohe wahrscheinlichkeit erwartet erwartete
    erwarteter prognose voraussichtlich anderung andert verandert verlangert verlangerung nutzung ausgaben liste tabelle
    heute bisher zuletzt letzte letzten letzter nachste nachsten nachster monat rufen beginnen starten sprechen
    konnte konnten""".split()
)
