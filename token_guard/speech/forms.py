"""How what is not the user's own begins, and words that only say to go on: tables in several languages."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ASSENT", "ASSENT_UNSPACED", "FROM_CLIENTS", "OBSERVED", "USERS_OWN"]

USERS_OWN: Final = frozenset(
    (
        *("task", "user_query", "user-query", "query", "question", "request", "user_request", "user_message"),
        *("message", "feedback", "answer", "prompt", "goal", "user_prompt", "user-prompt", "user_input", "user-input", "command-args"),
    )
)
"""Tags that clients put around what the user wrote."""


def _any(*forms: str) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{'|'.join(forms)})", re.IGNORECASE)


OBSERVED: Final = _any(
    # ReAct, smolagents, AutoGen: a word and a colon, with what it is of between them
    r"(?:observation|output|stdout|stderr|execution logs?|last output from code snippet|exit ?code|return ?code"
    r"|tool[ _](?:output|result|response|call result)s?|(?:command|code|shell|execution|terminal) (?:output|results?|logs?))\b\s*"
    r"(?:of [^\n]{1,80}|\[[^\]\n]{0,80}\]|\([^)\n]{0,80}\))?\s*[:=\n]",
    r"exitcode: -?\d+",
    # terminals and editors as their screens show them; results as objects
    r"(?:new|current|latest|updated) terminal (?:output|state|screen|contents?)\b[^\n]{0,40}[:\n]",
    r"\[file: [^\]\n]{1,200} \(\d{1,9} lines? total\)\]|\(open file: [^)\n]{0,200}\)",
    r"\{\s{0,9}\"(?:return_?code|exit_?code|stdout|stderr)\"\s{0,9}:",
    # mini-swe-agent and others: a tagged block
    r"<(?:returncode|output|observation|stdout|stderr|tool_response|tool_result|function_results?|execution_result|command-output|result)\b",
    # Cline and Roo; OpenHands
    r"\[[\w-]+(?: (?:for|to|in|on) [^\]\n]{1,200})?\] result:",
    r"execution result of \[",
    # aider, and tools that answer in sentences
    r"i ran this command:",
    r"your command (?:ran|failed|succeeded|executed)",
    r"the (?:file|command|tool) [^\n]{1,200} (?:has been (?:edited|updated|created|written)|was (?:executed|run|edited)|executed)",
)
"""How outputs begin that agents without tool messages send as user messages."""

FROM_CLIENTS: Final = _any(
    r"(?:please )?(?:continue|proceed|keep going|go on)\b[^\n]{0,40}"
    r"\b(?:task|work|working|left off|previous|above|conversation|approach)\b",
    r"\[?(?:\w+ )?hook (?:feedback|additional context|error|blocking error|success|stopped)\b",
    r"\[?(?:(?:pre|post)tooluse\b|stop hook\b|error\] )|\[(?:hook|automated|auto|bot)\b[^\]\n]{0,40}\]",
    r"\[?(?:system )?(?:reminder|notice|warning|note|caveat|error)\]?\s*:",
    r"\[?request interrupted|tool (?:use|call) was (?:interrupted|rejected)|no tool (?:use|call)",
    r"this session is being continued",
    r"your (?:last|previous) (?:response|message|reply|output)\b",
    r"you (?:did not|didn't|have not|haven't) (?:use|call|provide)\b",
    r"(?:here is|here's|this is|attached is|see) (?:the|a|your) (?:current |latest |new |updated )?"
    r"(?:screenshot|screen|page|browser state|state of)",
    r"\[?(?:current|latest|new|updated) (?:screenshot|screen|page|url|state|browser|step|date|time|working directory)\b"
    r"[^\n]{0,80}(?::|\]|$)",
    r"screenshot\b[^\n]{0,40}$",
    # aider and others: what became of an edit that the model wrote
    r"(?:# ?)?\d{1,4} search/replace blocks? failed\b|unifieddiff\w{1,20}: hunk failed\b",
    r"# fix any errors below\b|i added these files to the chat:",
    r"(?:the |your |this )?(?:edit|patch|diff|hunk|search block)s?\b[^\n]{0,60}\b"
    r"(?:failed to (?:apply|match)|could not be applied|did not (?:apply|match))\b",
)
"""How messages begin that clients send by themselves: nudges, hook feedback, notices, screenshots and pages, failures of edits."""

_WORDS: Final = """
pode seguir نعم تابع حسنا موافق استمر أكمل
yes yeah yep yup ok okay okey k sure go on ahead continue proceed please do it that this sounds good great thanks thank you perfect
lgtm keep going carry next start begin now then just the plan with approved approve agreed agree right correct fine nice cool exactly
all looks well done awesome excellent alright absolutely definitely course of confirmed confirm ship let's lets resume working as
planned proposed suggested described above by means is works for me we can may want i like again more finish rest step steps and so to
your
ja weiter mach machen los bitte gut genau fortfahren fahre fort einverstanden danke passt gerne super klar so das es ruhig mal
oui vas allez vas-y allez-y y d'accord merci parfait continuez bien fais le
sí si continúa continua adelante sigue vale gracias perfecto claro procede por favor hazlo dale
sim prossiga pode obrigado obrigada perfeito siga isso certo
sì avanti procedi va bene grazie perfetto prego
ga door verder graag prima doe maar
fortsätt fortsett fortsæt kör jag takk tack tak
proszę dalej kontynuuj dobrze dziękuję
да продолжай продолжайте дальше хорошо давай пожалуйста спасибо
evet devam et lütfen tamam teşekkürler
"""

ASSENT: Final = frozenset(_WORDS.split())
"""Words of messages that only say to go on."""

ASSENT_UNSPACED: Final = re.compile(
    r"继续|繼續|好的?|是的?|可以|请|請|没问题|同意|開始|开始"
    r"|はい|続けて|お願いします|ください|了解|それで|いい(?:です)?"
    r"|네|예|계속|해\s?주세요|하세요|좋아요?|진행"
)
"""The same in Chinese, Japanese and Korean, whose words are not told apart by spaces."""
