"""A made-up session of a coding agent, about 60,000 tokens long and the same on every run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

__all__ = ["conversation"]

SEED = 20_240_607
STEPS = 62
FAILING = 0.1
"""Share of log lines and tests that report a failure."""

SYSTEM = "You are a careful software engineer. You work in the repository `ledger` with the tools you are given. Answer briefly."
TASK = (
    "Since release 4.12 the nightly job charges some customers twice. Find the cause in ledger/billing and fix it. "
    "You must never write to the production database, and always run the tests before you say that you are done."
)
QUESTION = "Good. Which invoice was charged twice first, and which function was at fault?"
MODULES = ("charges", "invoices", "retry", "ledger", "locks", "refunds", "export")
STATUSES = ("paid", "open", "charged_twice", "refunded")
VERBS = ("load", "settle", "charge", "verify", "post", "cancel", "reconcile")


def conversation() -> list[dict[str, Any]]:
    """The messages: a task, many steps of tool calls with long outputs, and a last question."""
    random = Random(SEED)
    steps = (message for number in range(STEPS) for message in _step(number, random))
    return [_said("system", SYSTEM), _said("user", TASK), *steps, _said("assistant", "All tests pass now."), _said("user", QUESTION)]


def _said(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def _step(number: int, random: Random) -> Iterator[dict[str, Any]]:
    name, arguments, output = TOOLS[number % len(TOOLS)](number, random)
    call = {"id": f"call_{number:04d}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    yield {"role": "assistant", "content": f"Step {number + 1}: I use {name} next.", "tool_calls": [call]}
    yield {"role": "tool", "tool_call_id": call["id"], "content": output}


def _query(number: int, random: Random) -> tuple[str, Mapping[str, Any], str]:
    rows = [_invoice(number * 100 + row, random) for row in range(26)]
    return "query", {"sql": f"select * from invoices order by id limit 26 offset {number * 26}"}, json.dumps(rows, indent=1)


def _invoice(number: int, random: Random) -> dict[str, Any]:
    customer, cents = f"cus_{random.getrandbits(40):010x}", random.randint(100, 99_999)
    return {"id": f"INV-{number:06d}", "customer": customer, "cents": cents, "status": random.choice(STATUSES)}


def _log(number: int, random: Random) -> tuple[str, Mapping[str, Any], str]:
    lines = (f"02:{number:02d}:{second:02d} {_event(random)}" for second in range(36))
    return "tail", {"path": f"/var/log/ledger/billing-{number:02d}.log"}, "\n".join(lines)


def _event(random: Random) -> str:
    module, verb = random.choice(MODULES), random.choice(VERBS)
    if random.random() < FAILING:
        return f"ERROR billing.{module}: {verb} failed: lock row_{random.getrandbits(20):05x} held by worker {random.randint(1, 8)}"
    return f"INFO billing.{module}: {verb} done in {random.randint(2, 900)} ms, batch {random.getrandbits(32):08x}"


def _code(number: int, random: Random) -> tuple[str, Mapping[str, Any], str]:
    path = f"ledger/billing/{MODULES[number % len(MODULES)]}.py"
    return "read_file", {"path": path}, "\n\n".join(_function(index, random) for index in range(12))


def _function(index: int, random: Random) -> str:
    name, other = f"{random.choice(VERBS)}_{random.choice(MODULES)}_{index}", random.choice(MODULES)
    return (
        f"def {name}(batch: Batch, *, attempts: int = {random.randint(1, 9)}) -> Result:\n"
        f'    """Try the {other} of a batch, at most `attempts` times."""\n'
        f"    for attempt in range(attempts):\n"
        f"        if batch.state is State.{other.upper()} and attempt < {random.randint(2, 9)}:\n"
        f"            return Result(batch.id, attempt, cents=batch.cents + {random.randint(0, 99)})\n"
        f'    raise {other.title()}Error(f"{{batch.id}} gave up after {{attempts}}")'
    )


def _tests(number: int, random: Random) -> tuple[str, Mapping[str, Any], str]:
    results = (f"tests/test_{random.choice(MODULES)}.py::test_{random.choice(VERBS)}_{index} {_verdict(random)}" for index in range(48))
    return "shell", {"command": f"pytest -v tests/billing --shard {number}"}, "\n".join(results)


def _verdict(random: Random) -> str:
    return f"FAILED - assert {random.randint(0, 999)} == {random.randint(0, 999)}" if random.random() < FAILING else "PASSED"


TOOLS: tuple[Callable[[int, Random], tuple[str, Mapping[str, Any], str]], ...] = (_code, _query, _log, _tests)
