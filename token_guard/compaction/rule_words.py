"""Words that rules are made of, in English, as parts of patterns: what is told, how, of what, for how long."""

from __future__ import annotations

__all__ = [
    "CLAUSE",
    "DOING",
    "DOING_WORDS",
    "HELD_TO",
    "KEEPING",
    "NUMBER",
    "PAST",
    "QUANTITY",
    "SAYING",
    "SAYING_WORDS",
    "SHAPE",
    "STANDING",
]

CLAUSE = r"(?:^|[,;:(–—]\s*|\b(?:and|but|so|then|also|or|please|just)\s+)(?:please\s+|just\s+|you\s+)?"
"""Where somebody is told something: at the beginning of a sentence or of a clause."""

HELD_TO = (
    r"(?:answer(?:ing|s)?|repl(?:y|ies)|respon(?:d|ses?)|messages?|reports?|summar(?:y|ies)|outputs?|texts?|prose|emails?|drafts?"
    r"|explanations?"
    r"|comments?|commits?|code|functions?|classes|files?|tests?|tables?|lists?|headings?|titles?|examples?|names?|variables?|identifiers?"
    r"|dates?|times?|timestamps?|amounts?|numbers?|figures?|prices?|units?|values?|measurements?|sources?|citations?|quotes?|changes?"
    r"|steps?|sections?|paragraphs?|sentences?|bullets?|links?|queries|requests|calls|migrations?|deploys?|deployments?|snippets?"
    r"|samples?|terms|docs|documentation|logs?|labels?|captions?|buttons?)"
)
"""What rules are about: what is said and written, and what is in it."""

LANGUAGE = (
    r"(?:english|german|french|spanish|italian|portuguese|dutch|swedish|danish|norwegian|finnish|polish|czech|russian|ukrainian|greek"
    r"|turkish|arabic|hebrew|hindi|chinese|mandarin|cantonese|japanese|korean|vietnamese|thai|indonesian|latin)"
)
SIZE = (
    r"(?:words?|lines?|sentences?|paragraphs?|bullets?|points?|characters?|items?|pages?|decimals?|decimal places|digits|seconds|minutes"
    r"|columns|significant)"
)
NUMBER = (
    r"(?:\d[\d.,]*|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|sixty|eighty|hundred"
    r"|thousand|half)"
)
MANNER = (
    r"(?:short|brief|concise|terse|crisp|succinct|tight|compact|minimal|simple|plain|formal|informal|casual|polite|courteous|neutral"
    r"|friendly|warm|playful|light|professional|dry|factual|objective|impersonal|direct|blunt|calm|respectful|humble|serious|readable"
    r"|consistent|backwards?[- ]compatible|alone|untouched|unchanged|intact|as (?:is|they are|it is)|out of|confidential|private|secret)"
)
MADE_AS = (
    r"(?:(?:numbered |bulleted |plain |short |markdown )*(?:bullet|list|table|json|yaml|csv|xml|markdown|html|prose|text|points|sections"
    r"|paragraphs?|steps|diff|outline|checklist))"
)

KEEPING = CLAUSE + (
    r"(?:keep(?! (?:going|working|trying|up\b|me posted|looking|getting|on\b))|stay(?! tuned)|remain|stick (?:to|with)|adhere|conform"
    r"|comply"
    r"|follow(?! up| these steps| this link)|respect|obey|maintain(?! a )|preserve(?! what (?:was|is)\b)|(?:limit|restrict"
    r"|confine|cap)(?! (?:is|was|of|has|are)\b)"
    r"|be (?:as )?" + MANNER + r"|leave [^.?!]{1,60}\b(?:alone|untouched|unchanged|as (?:is|they are|it is)|intact|out\b)"
    r"|treat [^.?!]{1,60}\bas\b|pretend|act as|assume (?:that )?(?:i|we|the|all|every))\b"
)
"""Verbs of keeping to something."""

SAYING_WORDS = (
    "answer reply respond speak talk write phrase word format structure present express render spell sign address call refer cite quote"
    " round show give"
    " report return list state use prefer base take rely draw translate label prefix name number tag mark start begin end open close"
    " include mention add"
    " put order sort count display make summarise summarize explain document comment indent wrap convert default quantify title"
    " capitalise capitalize"
    " date print log output provide deliver produce have let work communicate compare measure back"
)
SAYING = f"(?:{'|'.join(SAYING_WORDS.split())})"
"""Verbs for how something is said, written or shown."""

DOING_WORDS = (
    "ask check confirm verify run test wait escalate notify warn tell consult commit send push deploy merge pick choose stop go do"
    " review read save"
    " double-check validate inform update get book pay buy propose suggest discuss flag raise skip ignore cc copy remember require set"
    " try hand refuse"
    " decline clean close say trust"
)
DOING = f"(?:{'|'.join(DOING_WORDS.split())})"
"""Verbs for what is done."""

STANDING = (
    r"\b(?:always|solely|exclusively|whenever|unless|by default|throughout|without exception|no exceptions"
    r"|only|(?:each|every|any) (?:single )?(?:time|one of|new |" + HELD_TO + r"|\w+(?= (?:you|with|before|after|in|starts?|must)\b))"
    r"|(?:in|for|to|of|on|with|across) (?:all|any|every|each|both)\b|all (?:of )?(?:your |the |my |our )?(?:\w+ )?" + HELD_TO + r"\b"
    r"|(?:above|below|under|before|after|per|beside|next to|at the (?:top|end|start|beginning) of) (?:each|every|any|all)\b"
    r"|\byour (?:\w+ )?(?:answers?|replies|responses?|messages|summaries|outputs?|emails|explanations|comments|commits|code|wording)\b"
    r"|until (?:i|we|you|told|further|the|\w+ (?:has|have|is|are|reviews?|approves?|confirms?|says?|signs?))\b"
    r"|before (?:you|every|each|any|making|doing|changing|running|pushing|committing|touching|sending|deleting|merging|deploying|writing"
    r"|starting|using|release|a )\b|after (?:every|each|any|you)\b|instead of|rather than|(?:no|not) (?:more|fewer|less|longer) than"
    r"|at (?:most|least)|(?:but |and |, )not\b|never|nothing (?:else|but)|(?:first|last) thing|where (?:possible|you can))"
)
"""Words by which something is meant for more than once."""

SHAPE = (
    r"(?:\bin (?:\w+ )?"
    + LANGUAGE
    + r"\b|\bin (?:the )?(?:plain|simple|metric|imperial|lower|upper|title|sentence|one|two|three|full|first"
    r"|second|third|present|past|active|passive|british|american|us|uk|utc|pacific|eastern|central|local|euros?|dollars?|usd|eur|gbp|chf|yen|kilograms?|kilomet(?:er|re)s?|met(?:er|re)s?|milliseconds?|seconds?|minutes?|hours|bytes|percent|celsius|fahrenheit)\b"
    r"|\bin (?:\w+ ){0,3}(?:style|tone|voice|mood|format|units|timezone|time zone|time|order|case|notation|terms|language|words|parts"
    r"|spelling|prose|person|tense|bullets?"
    r"|(?:bullet )?points|json|yaml|csv|markdown|tables?|steps|sections|paragraphs?|sentences?)\b"
    r"|\b(?:as|using|with|into) (?:an? )?" + MADE_AS + r"\b"
    r"|\b(?:under|below|within|up to|max(?:imum)?|about|exactly|over|to|in|with|most|than|of)\s+" + NUMBER + r"[ -]" + SIZE + r"\b"
    r"|\b\d+ (?:\w+ )?" + SIZE + r"\b|\b" + MANNER + r"(?:ly)?[.!,]?(?=$| (?:and|but|in|with|please|tone|language|style|when))"
    r"|\b(?:metric|imperial|british|american|iso|oxford|24-hour|12-hour|snake_case|camelcase|kebab-case|utc|tabs|spaces)\b"
    r"|\brelative to the\b|\bas (?:the|your|our) (?:only |sole )?(?:source|reference|basis|default)\b"
    r"|\b(?:as if|as though|like (?:an?|i|you)|(?:me|us|him|her|them|customers?|clients?|users?|readers?|colleagues?) (?:as|by|like)"
    r"|call me)\b)"
)
"""How something is to look."""

QUANTITY = (
    r"(?:[$€£¥]\s?)?(?:\d|(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty"
    r"|ninety|a)[ -](?:hundred|thousand|million|dollars?|euros?|pounds?|days?|weeks?|hours?|minutes?|percent))"
)

PAST = (
    r"(?:told|gave|said|came|made|went|took|thought|wrote|ran|found|left|felt|kept|meant|sent|built|paid|lost|became|began|brought|bought"
    r"|caught|chose|did|drew|drove|ate|fell|fought|forgot|held|led|met|rode|rose|sold|shook|slept|spoke|spent|stood|stole|swore|taught"
    r"|threw|understood|woke|wore|won|worked|got|saw|knew|had|was|were|heard)"
)
"""Past tenses that do not end in "ed": with "never" before them they tell what was."""
