"""An agent that reads and edits files for a user who adds rules on the way and takes one back."""

from __future__ import annotations

from reading_sessions.script import Chat, Script, hits, module, passing

__all__ = ["messages"]


def _numbered(text: str) -> str:
    return "\n".join(f"{number:>5}\t{line}" for number, line in enumerate(text.splitlines(), 1))


SEND = """def send(batch: Batch) -> Reply:
    for attempt in range(5):
        reply = post(batch)
        if reply.ok:
            return reply
    raise ExportFailed(batch.id)"""


def messages() -> Chat:
    script = Script()
    script.say("system", "You edit a repository with Read, Edit and Bash. Say in a sentence what you do before you do it.")
    script.say("user", "Retries of the export job hammer the server. Add a backoff to exporter/client.py and a setting for it.")
    run, edited = script.call, "The file {} has been updated."
    run("I read the client.", "Read", _numbered(module("client", 14, SEND)), path="exporter/client.py")
    run("And the settings.", "Read", _numbered(module("settings", 12, "RETRIES = 5\nTIMEOUT_SECONDS = 30")), path="exporter/settings.py")
    run("Who calls send?", "Bash", hits("client.send", 30), command="grep -rn 'send(' exporter/")
    script.say("user", "From now on write log messages in German, support reads them. And no new dependencies, please.")
    run(
        "I add the setting.",
        "Edit",
        edited.format("exporter/settings.py"),
        path="exporter/settings.py",
        old_string="RETRIES = 5",
        new_string="RETRIES = 5\nBACKOFF_SECONDS = 2.0",
    )
    run(
        "I add the backoff.",
        "Edit",
        edited.format("exporter/client.py"),
        path="exporter/client.py",
        old_string="        if reply.ok:\n            return reply\n",
        new_string="        if reply.ok:\n            return reply\n"
        "        log.warning('Versuch %d fehlgeschlagen', attempt)\n        sleep(BACKOFF_SECONDS * 2**attempt)\n",
    )
    log = "\n".join(
        f"2024-05-02T10:{place // 60:02}:{place % 60:02} INFO exporter.client batch={4100 + place} status=200 ms={place * 7 % 90}"
        for place in range(50)
    )
    run(
        "I run the job against the test server.",
        "Bash",
        f"{log}\nTypeError: unsupported operand type(s) for *: 'NoneType' and 'int'\nexit code 1",
        command="python -m exporter --dry-run --limit 50",
    )
    script.say(
        "assistant", "BACKOFF_SECONDS comes from the environment as None when it is not set; the default has to apply in settings.load."
    )
    run(
        "I read the loader.",
        "Read",
        _numbered(module("loader", 14, "def load(name: str, default: Any) -> Any:\n    return ENVIRON.get(name)")),
        path="exporter/loader.py",
    )
    run(
        "The default was never used.",
        "Edit",
        edited.format("exporter/loader.py"),
        path="exporter/loader.py",
        old_string="    return ENVIRON.get(name)",
        new_string="    return ENVIRON.get(name, default)",
    )
    run("Again.", "Bash", f"{log}\n50 batches exported in 4.1s", command="python -m exporter --dry-run --limit 50")
    run("The tests.", "Bash", f"{passing(('client', 'loader', 'settings'), 18)}\n54 passed in 1.90s", command="pytest -q")
    script.say("user", "Change of plan: log messages in English after all, the new support team is in Dublin. Cap the wait at 45 seconds.")
    run(
        "I look for the German ones.",
        "Bash",
        "exporter/client.py:31:        log.warning('Versuch %d fehlgeschlagen', attempt)",
        command="grep -rn 'fehlgeschlagen' exporter/",
    )
    run(
        "English, and a cap.",
        "Edit",
        edited.format("exporter/client.py"),
        path="exporter/client.py",
        old_string="        log.warning('Versuch %d fehlgeschlagen', attempt)\n        sleep(BACKOFF_SECONDS * 2**attempt)\n",
        new_string="        log.warning('attempt %d failed', attempt)\n        sleep(min(45.0, BACKOFF_SECONDS * 2**attempt))\n",
    )
    run(
        "I read the result.",
        "Read",
        _numbered(module("client", 14, SEND.replace("ok:", "ok:  # backoff follows"))),
        path="exporter/client.py",
    )
    run("Other places that retry?", "Bash", hits("retry", 45), command="grep -rnE 'retry|attempt' exporter/ tests/")
    run("The scheduler retries too.", "Read", _numbered(module("scheduler", 14, "MAX_ROUNDS = 3")), path="exporter/scheduler.py")
    run(
        "The tests again.",
        "Bash",
        f"{passing(('client', 'loader', 'settings', 'scheduler'), 18)}\n72 passed in 2.40s",
        command="pytest -q",
    )
    script.say("user", "Should the scheduler wait as well? Look at how it counts rounds and tell me.")
    run("I read the round counter.", "Read", _numbered(module("rounds", 10)), path="exporter/rounds.py")
    return script.messages
