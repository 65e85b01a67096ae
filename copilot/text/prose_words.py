"""Word tables of ``prose``: what turns a true value into a claim that no cell holds. ``§`` stands for a reference."""

from __future__ import annotations

import re

from copilot.text.words import any_of

ROUGHLY = re.compile(
    r"\b(?:roughly|approximately|about|around|circa|some|only|just|merely|another|additional|up to(?! § from)"
    r"|at (?:least|most|best)|as (?:much|many|little|few|high|low) as|(?:maximum|minimum) of|or (?:more|less)"
    r"|an?(?: \w+)? (?:mere|extra|additional|further)|an? (?:mere|extra)) (?=§)"
    r"|(?<=§) (?:or (?:so|more|less|thereabouts)|more|extra|additional|fewer)\b(?! than)"
)
SHARE = re.compile(
    r"§ (?:in|out of|of) (?:(?:the|its|their|all|our|every) )?"
    r"(?:§|(?:customers?|accounts?|users?|clients?|people|seats?)\b)"
)
EVERYONE = re.compile(
    r"\b(?:all|every|each|most|many|numerous|countless|various|hardly any)(?: of (?:the|them|these|those|its|your))?"
    r"(?: \w+)? (?:accounts?|customers?|clients?|users?|seats|contracts?|deals?|products?|have|has|are|renew)\b"
)
STATE = re.compile(
    r"§ (?:(?:tickets?|deals?|seats?) )?(?:(?:is|are|was|were|have been) )?"
    r"(open(?:ed)?|closed|urgent|resolved|solved|won|lost|overdue|new|idle|unused|active)\b"
)
PAID = re.compile(
    r"\b(won|lost|paid|pays|earn(?:s|ed)?|owe[sd]?|wasted?|saved|invested|refunded|billed|invoiced)(?: us)? (?=§)"
)
PAST = re.compile(
    r"\b(?:renewed|signed|passed|expired|lapsed|ended|overdue|was|were)\b[^,;]*?(?=§)|(?<=§) (?:ago|late|overdue)\b"
)
CALLED = re.compile(r"\b(?:called|met|spoke|visited|emailed|silent|quiet)(?: \w+)? (?:on|for|since) (?=§)")
ENDS = re.compile(r"\b(?:contract|term|agreement)s? (?:ends?|runs out|is due) on (?=§)")
NOW = re.compile(r"\b(?:now|currently|today|stands?)(?: stands| is)?(?: at)? (?=§)|(?<=§),? (?:now|today|currently)\b")
THEN = re.compile(
    r"\b(?:previously|formerly|earlier|used to be|stood|had been)(?: at)? (?=§)"
    r"|(?<=§),? (?:before|earlier|previously)\b"
)
SPENT = re.compile(
    r"\b(?:grew|grown|increased|rose|risen|added|gained|expanded|fell|fallen|shrank|shrunk|dropped|reduced|decreased"
    r"|declined|spent|lost)\b[^,;§]*(?=§)"
)
WORTH = re.compile(
    r"(?<!touch )(?<!call )(?<!visit )(?<!opportunity )(?<!upsell )(?<!touch is )(?<!call is )\bworth (?=§)"
)
AHEAD_OF = any_of(r"before renew\w* due expir\w* ends? left until rtcd deadline verlanger\w* contract")
COMING = re.compile(
    r"\b(?:(?:will|would|(?:is|are) (?:expected|forecast|predicted|set) to) (?:be|spend|pay|have|use|reach|hold)"
    r"|(?:the )?forecast (?:is|of|at)|forecast:|(?:expected|predicted) (?:at|to be)"
    r"|after (?:a|the|your) (?:call|touch|visit|meeting)[,:]?) (?:at )?(?=§)"
)
HELPS = re.compile(
    r"\b(?:touch|call|visit|training|meeting)\b[^.;§]*(?:§ )?(?:helps?|lifts?|boosts?|pays off)\b",
)
# Facts, promises and feelings that no table of numbers holds.
TOLD = any_of(
    r"cancel\w* negotiat\w* competitors? unhappy happy dissatisfied satisfied frustrated interested loyal committed",
    r"complain\w* promis\w* told_us over_budget plans_to (?:they|it)_plan_to planning_to intend\w* decided certain",
    r"certainly definitely surely guarantee\w* strategic important key_(?:account|customer|client) benefits?_from",
    r"profit\w* lucrative (?:ab)?normal (?:un)?usual ordinary (?:sure|bound|set|about)_to alike similar identical",
    r"equally is_like coin_toss even_odds agreed must refus\w* in_arrears on_the_brink out_of_danger is_gone",
    r"escalat\w* meeting_with rare unique unprecedented elsewhere all_the_way (?:before|after)_(?:that|those)_of",
    r"(?:at|near)_the_bottom in_the_middle among_the behind_us yet_to for_sure critical disaster feared? squander\w*",
    r"wast\w+ backfir\w* hurts? harms? costs? saves? boss fine apart_from except other_than no_(?:other_)?accounts?",
    r"everyone everybody (?:ordered|sorted)_by only_§_(?:has|is|renews|will) (?:left|joined)_(?:the|us)",
    r"(?:users|people|staff|somebody)_(?:left|leave|joined)",
    r"works_(?:at|for|as) resigned retired is_the_[a-z]{2,4}_of",
    r"will_(?:\w+_)?(?:churn|renew|leave|grow|shrink|expand|stay|buy|sign)",
)
WITHIN = re.compile(r"\b(?:in|for|across|within|throughout) (?:the )?(?:[a-z]+ )?$")
KIND_OF = re.compile(
    r"§ (?:is|was|remains) an? "
    r"(?!(?:[\w§]+ )?(?:account|company|customer|client|candidate|priority|renewal|case|call|touch|match)\b)"
)
CONTACT = re.compile(
    r"(?:'s|, (?:a|an|the|our|their) (?!contact|person)[a-z]+| (?:now|still|also|already))\b"
    r"| (?!is (?:the|a|your) (?:person|contact|one)\b)(?:will|would|[a-z]+(?:s|ed|nt))\b"
)
_STOP = r"(?!(?:of|for|at|on|in|to|from|with|is|was|are|were|has|have|and|which|that|who)\b)"
NAMED = (  # how a sentence says what a value is; the group is the noun it gives it
    re.compile(
        rf"(?:\b(?:the|its|their|your|an?)|§'s) ((?:{_STOP}[a-z-]+ ){{1,4}})"
        r"(?:(?:of|for|at|on|in|to|from|with) [^.,;:§]*(?:§ )?)?(?:is|was|are|stands at|amounts to|comes to|reaches)"
        r"(?: (?:now|currently|at|(?:expected|forecast|estimated) (?:to be|at)))* (?=§)"
    ),
    re.compile(rf"\b(?:has|have|with|sees?|shows?) (?:an?|the) ((?:{_STOP}[a-z-]+ ){{1,4}})of (?=§)"),
    re.compile(rf"(?:^|[.;] )((?:{_STOP}[a-z-]+ ){{0,3}}{_STOP}[a-z-]+): (?=§)"),
)
COUNTED = re.compile(
    r"§ (?!(?:is|was|has|as|its|this|needs|does|makes|renews|spends|days|months|hours|points)\b)([a-z]+s)\b"
)
CALLED_SO = any_of(  # nouns and their companions that any value may be given
    "annual yearly current expected estimated predicted forecast estimate prediction latest newest last next own seat",
    "product account number count value amount level score figure rate chance risk likelihood date day days time",
    "change total sum average mean median combined overall touch left remaining open result",
)
MANNER = re.compile(r"\b(?!(?:recent|late|previous|current|like|probab|possib|on|ear|month|year|week)ly\b)[a-z]+ly\b")
ALONE = re.compile(r"\b(?:left alone|without (?:a|any) (?:touch|call)|untouched|without one|nothing is done)\b")
TOUCHED = re.compile(r"\b(?:touch|touches|touched)\b")
CHANGED_TO = re.compile(r"\b(?:change|changes|changed|changing)\b[^,;§]* to $")
