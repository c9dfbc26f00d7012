"""A coding agent with one tool, a shell: a billing error, an error of its own, a failing test, and a second fault behind it."""

from __future__ import annotations

from reading_sessions.script import NOUNS, Chat, Script, hits, module, passing

__all__ = ["messages"]

PRORATE = """def prorate(amount: Decimal, start: date, end: date, period: Period) -> Decimal:
    days = (end - start).days
    return (amount * days / period.days).quantize(CENT, ROUND_DOWN)"""

REPRODUCTION = """cat > /tmp/repro.py <<'PY'
from datetime import date
from decimal import Decimal
from billing.proration import prorate
from billing.period import month
print(prorate(Decimal("31.00"), date(2024, 3, 1), date(2024, 3, 31), month(2024, 3)))
PY
python /tmp/repro.py"""

INCLUSIVE = """python - <<'PY'
from pathlib import Path
path = Path("billing/proration.py")
text = path.read_text()
path.write_text(text.replace("days = (end - start).days", "days = (end - start).days + 1"))
PY"""

HALF_UP = "sed -i 's/quantize(CENT, ROUND_DOWN)/quantize(CENT, ROUND_HALF_UP)/' billing/proration.py"
IMPORT = "sed -i 's/import ROUND_DOWN, Decimal/import ROUND_HALF_UP, Decimal/' billing/proration.py"

FAILURE = """=================================== FAILURES ===================================
____________________________ test_february_of_a_leap ___________________________
    def test_february_of_a_leap():
>       assert prorate(Decimal("29.00"), date(2024, 2, 1), date(2024, 2, 29), month(2024, 2)) == Decimal("29.00")
E       AssertionError: assert Decimal('28.00') == Decimal('29.00')
tests/test_proration.py:41: AssertionError
=========================== short test summary info ============================
FAILED tests/test_proration.py::test_february_of_a_leap - AssertionError: assert Decimal('28.00') == Decimal('29.00')
========================= 1 failed, 64 passed in 2.31s ========================="""

NAME_ERROR = """Traceback (most recent call last):
  File "/tmp/repro.py", line 3, in <module>
    from billing.proration import prorate
  File "/srv/billing/proration.py", line 19, in <module>
    MODES = {"up": ROUND_HALF_UP, "down": ROUND_DOWN}
NameError: name 'ROUND_DOWN' is not defined"""


def messages() -> Chat:
    script = Script()
    script.say("system", "You are a careful engineer with one tool, a shell in /srv. Work in small steps.")
    script.say(
        "user",
        "Customers who stay a whole month are billed one day too little. Find out why, write a script that shows it, and mend it. "
        "Never change the tables under billing/tariffs/. Keep the public signatures as they are.",
    )
    run = script.call
    run(
        "I look at the layout first.", "shell", "\n".join(f"billing/{noun}.py" for noun in (*NOUNS, "proration")), command="ls billing/*.py"
    )
    run("Who computes shares of a month?", "shell", hits("prorate", 50), command="grep -rn 'prorate(' billing/")
    for name in ("invoice", "period", "tariff"):
        run(f"Now {name}.py.", "shell", module(name, 17), command=f"cat billing/{name}.py")
    run("This is where the days are counted.", "shell", module("proration", 20, PRORATE), command="cat billing/proration.py")
    run("A reproduction.", "shell", "30.00", command=REPRODUCTION)
    script.say(
        "assistant",
        "Confirmed: March gives 30.00 and not 31.00. The end date is inclusive everywhere else, but prorate subtracts without adding one.",
    )
    script.say("user", "Good. Rounding must be half up as well, finance decided that on 12 March. Go on.")
    run("Does anybody rely on an exclusive end?", "shell", hits("end_exclusive", 34), command="grep -rn 'exclusive' billing/ tests/")
    for name in ("contract", "reading", "meter"):
        run(f"{name}.py passes end dates too.", "shell", module(name, 15), command=f"sed -n 1,200p billing/{name}.py")
    run("I count the last day.", "shell", "", command=INCLUSIVE)
    run("And round half up.", "shell", "", command=f"{HALF_UP} && {IMPORT}")
    run("Again.", "shell", f"{NAME_ERROR}\nexit code 1", command="python /tmp/repro.py")
    run(
        "ROUND_DOWN is still used by MODES.",
        "shell",
        "",
        command="sed -i 's/import ROUND_HALF_UP/import ROUND_DOWN, ROUND_HALF_UP/' billing/proration.py",
    )
    run("Again.", "shell", "31.00", command="python /tmp/repro.py")
    passed = passing(("proration", "invoice", "period"), 21)
    run("Now the tests.", "shell", f"{passed}\n{FAILURE}\nexit code 1", command="python -m pytest tests -q")
    run(
        "A leap year: how long is February?",
        "shell",
        module("period", 17, "def month(year: int, number: int) -> Period:\n    return Period(28 if number == 2 else 31)"),
        command="cat billing/period.py",
    )
    run(
        "month() ignores leap years.",
        "shell",
        "",
        command="sed -i 's/Period(28 if number == 2 else 31)/Period(monthrange(year, number)[1])/' billing/period.py",
    )
    run("It needs the import.", "shell", "", command="sed -i '3i from calendar import monthrange' billing/period.py")
    run("The tests once more.", "shell", f"{passed}\n65 passed in 2.28s", command="python -m pytest tests -q")
    for name in ("refund", "notice", "account"):
        run(f"Does {name}.py add a day of its own?", "shell", module(name, 12), command=f"cat billing/{name}.py")
    run(
        "refund.py does: it would now count twice.",
        "shell",
        "",
        command="sed -i 's/prorate(amount, start, end + ONE_DAY, /prorate(amount, start, end, /' billing/refund.py",
    )
    run("All tests.", "shell", f"{passing(('proration', 'refund'), 20)}\n105 passed in 3.02s", command="python -m pytest -q")
    run(
        "What changed?",
        "shell",
        " billing/period.py    | 3 ++-\n billing/proration.py | 6 +++---\n billing/refund.py    | 2 +-",
        command="git diff --stat",
    )
    run("Types.", "shell", "Success: no issues found in 41 source files", command="mypy billing")
    script.say("user", "Which callers change their result now? Then write the changelog line.")
    run("I list the callers.", "shell", hits("prorate", 50), command="grep -rn 'prorate(' billing/ | sort")
    return script.messages
