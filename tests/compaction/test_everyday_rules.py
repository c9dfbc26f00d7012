"""Which of a user's sentences ask to be kept to, and which only tell, quote or paste what others said."""

from __future__ import annotations

import pytest

from token_guard.compaction.rules import found, newest

RULES = (
    "Die Commit-Nachrichten bitte auf Deutsch und höchstens 60 Zeichen.",
    "Lass die Finger von der Datei kasse.sql, die gehört dem anderen Team.",
    "Beträge gibst du immer mit zwei Nachkommastellen und Komma an.",
    "Ich möchte nicht, dass du irgendetwas an Kunden verschickst.",
    "Keine neuen Abhängigkeiten.",
    "On ne touche pas au module facturation.",
    "Les dates s'écrivent au format AAAA-MM-JJ.",
    "Quiero que cada cambio lleve su prueba.",
    "Las fechas van en formato DD/MM/AAAA.",
    "返事は三行以内でお願いします。",
    "预算上限是五千元，超过要先问我。",
    "支付接口最多重试3次。",
    "Tabs, not spaces, in the Makefiles.",
    "Não mexas na pasta de migrações.",
    "कृपया उत्तर हमेशा हिंदी में दें।",
    "Ödemeler klasörüne dokunma.",
    "Report all weights in kilograms.",
    'Start each answer with "Summary:".',
    'The message must say "Order sent" in every mail. Never leave it out.',
    "No new dependencies. The one exception is httpx.",
    "Until Friday, nobody touches the payments branch. After that it's fine.",
    "Keine neuen Dateien im Wurzelverzeichnis. Einzige Ausnahme ist die README.",
    "不要修改 config 目录。除了 README 文件。",
    "Actually use four spaces for indentation.",
    "Make the budget cap $800.",
)

NO_RULES = (
    'My boss wrote: "From now on nobody deploys on Fridays." What do you think of that?',
    'Here is the answer of the supplier: "Please do not reply to this mail. You must register first."',
    'Translate into French: "Never open the door. Always keep the key with you."',
    "Der Lieferant schreibt: „Bitte geben Sie immer Ihre Kundennummer an.“ Was soll ich antworten?",
    "Le manuel dit : « Ne jamais débrancher l'appareil. » Est-ce vrai ?",
    "手册上写着：“请勿触摸面板。”这是什么意思？",
    "取扱説明書には「必ず電源を切ってください」と書いてあります。どういう意味ですか？",
    "В инструкции написано: «Никогда не открывайте крышку». Почему?",
    "Look at this from the supplier and tell me what they want:\n\nDear customer,\nplease always quote your number.\nKind regards\nLager AG",
    "The linter prints this, what is it about?\nerror: Do not use bare except\nhint: Never ignore return values",
    "Here is the README of the lib:\n# fastmail\nAlways call init() first. Never share a client between threads.",
    "I found this in the wiki: Always restart the node after a config change. Is that still true?",
    "The log says: ERROR must not be empty: field invoice_id",
    "You never told me why the test failed.",
    "Only the second test failed this time.",
    "Now look at tests/test_a.py only.",
    "I will listen to your advice and maintain a healthy lifestyle.",
    "Every time I hear a melody, I get lost in it.",
    "yes, preserve what was there",
    "Всегда забываю этот флаг.",
    "Скрипт никогда не доходит до конца.",
    "我一定要注意安全问题。",
    "他们历经磨难，却始终保持着积极的心态。",
    "必須ではありません。",
)

BOTH_STAND = (
    ("Use tabs in the Makefile.", "Use four spaces in Python files."),
    ("Show prices in USD for the US team.", "Show prices in EUR for the Berlin team."),
    ("Write error texts in German.", "Write the docs in English."),
    ("Answer in English now.", "Commit-Nachrichten bitte auf Deutsch."),
    ("Commit-Nachrichten bitte auf Deutsch.", "Answer in English now."),
)

NEWER_STANDS = (
    ("Use tabs for indentation.", "Actually use four spaces for indentation."),
    ("Отвечай только по-английски.", "Отвечай теперь по-русски."),
    ("请用英文回答。", "以后请用中文回答。"),
    ("Report all amounts in euros.", "Report all amounts in dollars from now on."),
    ("Budget cap is $500. Never exceed it without approval.", "Make the budget cap $800."),
)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_found_whole(rule: str) -> None:
    assert found(rule) == (rule,)


@pytest.mark.parametrize("text", NO_RULES)
def test_what_is_quoted_pasted_or_told_is_no_rule(text: str) -> None:
    assert found(text) == ()


def test_what_stands_around_a_quote_or_a_paste_is_the_users() -> None:
    rules = ("Never push to main.", "Always run the tests.")
    for opening in ("Please read this carefully:", "Look at these rules and tell me what you think:", "Keep to the following:"):
        assert found(f"{opening}\n- {rules[0]}\n- {rules[1]}")[-2:] == rules
    assert found("Explain this:\nAlways wire it.\n\nAnd never push to main.") == ("And never push to main.",)
    assert found('Never push. He said: "Always push. Never wait." Keep answers short.') == ("Never push.", "Keep answers short.")
    assert found("My boss wrote that nobody may deploy, so please do not deploy on Fridays.") != ()


@pytest.mark.parametrize(("older", "newer"), BOTH_STAND)
def test_a_rule_for_one_thing_replaces_none_for_another(older: str, newer: str) -> None:
    assert newest([older, newer]) == (older, newer)


@pytest.mark.parametrize(("older", "newer"), NEWER_STANDS)
def test_a_rule_on_the_same_matter_replaces_the_older_one(older: str, newer: str) -> None:
    assert newest([older, newer]) == (newer,)
