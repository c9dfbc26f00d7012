"""Scripts that a tokenizer knows worse than the encoding that stands for it: its own vocabulary counts no more than the estimate's margin."""

from __future__ import annotations

import pytest

from token_guard.counting import meter_for
from token_guard.counting.families import FAMILIES, family_of
from token_guard.counting.scripts import NAMES, STARTS, WEIGHTS

TEXTS: dict[str, tuple[str, dict[str, int]]] = {
    "georgian": (
        "გთხოვთ, შეიყვანოთ სწორი მნიშვნელობა და სცადოთ ხელახლა. ეს ველი აუცილებელია ყველა მომხმარებლისთვის.",
        {"llama-3.3": 182, "mixtral": 99, "mistral-large": 46},
    ),
    "tamil": (
        "தயவுசெய்து சரியான மதிப்பை உள்ளிட்டு மீண்டும் முயற்சிக்கவும். இந்தப் புலம் தேவைப்படுகிறது.",
        {"llama-3.3": 119, "mixtral": 96, "mistral-large": 34},
    ),
    "hebrew": (
        "אנא הזינו ערך תקין ונסו שוב. שדה זה נדרש עבור כל המשתמשים במערכת.",
        {"llama-3.3": 65, "mixtral": 66, "mistral-large": 28},
    ),
    "hindi": (
        "कृपया सही मान दर्ज करें और फिर से प्रयास करें। यह फ़ील्ड सभी उपयोगकर्ताओं के लिए आवश्यक है।",
        {"llama-3.3": 44, "mixtral": 98, "mistral-large": 30},
    ),
    "arabic": (
        "الرجاء إدخال قيمة صحيحة والمحاولة مرة أخرى. هذا الحقل مطلوب لجميع المستخدمين.",
        {"llama-3.3": 29, "mixtral": 68, "mistral-large": 21},
    ),
    "greek": (
        "Παρακαλώ εισάγετε μια έγκυρη τιμή και προσπαθήστε ξανά. Αυτό το πεδίο είναι υποχρεωτικό.",
        {"llama-3.3": 36, "mixtral": 89, "mistral-large": 37},
    ),
    "russian": (
        "Пожалуйста, введите правильное значение и попробуйте ещё раз. Это поле обязательно.",
        {"llama-3.3": 23, "mixtral": 34, "mistral-large": 23},
    ),
}
"""A sentence of each script, and what the models' own vocabularies count (splintr 0.22)."""


@pytest.mark.parametrize("script", TEXTS)
def test_the_margin_covers_the_count_of_the_familys_own_vocabulary(script: str) -> None:
    text, counts = TEXTS[script]
    for model, true in counts.items():
        assert true <= meter_for(model).text(text) * family_of(model).safe_factor, model


@pytest.mark.parametrize("script", TEXTS)
def test_a_script_counts_no_more_than_a_token_a_byte_beyond_what_its_words_do(script: str) -> None:
    text, _ = TEXTS[script]
    for model in ("llama-3.3", "mixtral", "mistral-large", "deepseek-chat", "llama-2"):
        family, base = family_of(model), meter_for("gpt-4o").text(text)
        assert meter_for(model).text(text) <= max(len(text.encode()), family.factor * base + 1)


def test_english_counts_as_before() -> None:
    assert meter_for("llama-3.3").text("The ledger of the month.") == meter_for("gpt-4o").text("The ledger of the month.")


def test_the_table_names_known_families_and_scripts() -> None:
    assert WEIGHTS.keys() <= FAMILIES.keys()
    assert {script for weights in WEIGHTS.values() for script in weights} <= set(NAMES)
    assert list(STARTS) == sorted(STARTS)
