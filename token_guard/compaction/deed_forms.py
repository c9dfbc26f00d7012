"""What calls that change something look like: verbs in names of tools, commands, statements."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ACTION", "CHANGING", "DATABASE", "DELETING", "LOOKING", "SHELL", "STATEMENT", "WRITING"]

CHANGING: Final = re.compile(
    r"(?:^|[^a-z])(?:edit|write|create|patch|replace|insert|update|delete|remove|book|cancel|modify|send|set|add|commit|apply"
    r"|exchange|return|transfer|move|rename|save|post|put|push|pay|submit|upload|install|deploy|schedule|enable|disable|toggle|grant|revoke)"
    r"|^(?:refund|charge|credit|debit|close|reopen|assign|unassign|suspend|resume|approve|reject|accept|decline|make|place|purchase|buy|sell"
    r"|order|reply|respond|forward|merge|reset|block|unblock|lock|unlock|ban|restart|reboot|start|stop|launch|terminate|kill|scale|rollback"
    r"|restore|archive|publish|release|register|unregister|subscribe|unsubscribe|confirm|complete|finish|mark|tag|label|attach|detach|link"
    r"|unlink|invite|share|import|migrate|sync|dispatch|ship|deliver|redeem|claim|reserve|checkout|withdraw|deposit|issue|escalate|notify"
    r"|upsert|drop|truncate|append|prepend|overwrite|clear|provision|allocate|rotate|revert|undo|change|adjust|increase|decrease|extend"
    r"|renew|upgrade|downgrade|activate|deactivate|switch|refuel|swap|void)(?:$|[^a-z])"
    r"|(?:^|_)(?:stornieren|loeschen|löschen|anlegen|erstellen|aendern|ändern|buchen|senden|annuler|supprimer|modifier|envoyer|reserver"
    r"|réserver|cancelar|crear|criar|eliminar|enviar|actualizar|atualizar|reservar)(?:$|_)",
    re.IGNORECASE,
)
"""Words of tool names that change something; in camel case and snake case alike. Those that are nouns as well count at the beginning."""

LOOKING: Final = re.compile(
    r"(?:get|list|read|search|find|view|grep|glob|ls|cat|fetch|lookup|check|show|query|describe|todo|think|calculate)(?![a-z]{0,2}out)",
    re.IGNORECASE,
)
"""What a tool that only looks begins with; a checkout is no check."""

DELETING: Final = re.compile(r"(?:^|_)(?:delete|remove|unlink|rm)(?:$|_)", re.IGNORECASE)

ACTION: Final = re.compile(r'"(?:command|action|operation|op|method|mode|subcommand)"\s{0,9}:\s{0,9}"([A-Za-z_]{2,30})"')
"""What one tool for several things is to do, in its arguments."""

SHELL: Final = re.compile(r"bash|shell|exec|command|run|terminal|python|code|script", re.IGNORECASE)

_OPTIONS = r"(?:-{1,2}[\w-]{1,40}(?:[ =][\w./:-]{1,80})?\s+){0,3}"
_BEGINS = r"(?:^|[\"';&|(]\s{0,9}|\\n|\n|\bsudo |\bexec )"

WRITING: Final = re.compile(
    r"\bsed\s+(?:-\w+\s+)*-i|\btee\b|(?<![<0-9&=-])>>?\s*(?!&|/dev/null)[\w./~-]+|<<-?\s*['\"]?\w|\bpatch\b"
    r"|\bgit\s+(?:commit|apply|checkout|switch|restore|stash|revert|merge|rebase|add|reset|mv|rm|push|pull|cherry-pick|init|clone|clean"
    r"|branch\s+-[dDmMcC]|tag\s+(?!-l|--list)[\w-]+|worktree\s+(?:add|remove))\b"
    r"|\b(?:rm|mv|cp|mkdir|touch|chmod|chown|ln|unzip|tar|rsync|scp)\s|\bdd\s+if="
    r"|\b(?:pip|npm|yarn|pnpm|apt-get|apt|cargo|go|brew|uv|poetry|pdm|bundle|composer|gem|conda|choco|winget)\d?"
    r"\s+(?:install|add|get|remove|uninstall|ci|update|upgrade)\b"
    r"|\bdotnet\s+(?:add|remove|new)\b|\bmake\s+install\b"
    r"|\b(?:write_text|write_bytes|writelines|to_csv|to_json|to_excel|to_parquet|savefig)\(|\bopen\([^)\n]*['\"][wa]b?\+?['\"]"
    rf"|\b(?:kubectl|oc)\s+{_OPTIONS}(?:apply|create|delete|patch|replace|scale|edit|set|label|annotate|cordon|uncordon|drain|expose|run"
    r"|rollout\s+(?:restart|undo))\b"
    rf"|\bhelm\s+{_OPTIONS}(?:install|upgrade|uninstall|rollback|delete)\b"
    rf"|\b(?:terraform|tofu|pulumi|cdk|ansible-playbook)\s+{_OPTIONS}(?:apply|destroy|import|up|deploy|[\w./-]+\.ya?ml)\b"
    rf"|\b(?:systemctl|supervisorctl|pm2)\s+{_OPTIONS}(?:start|stop|restart|reload|enable|disable|delete)\b"
    rf"|\b(?:docker|podman|docker-compose)\s+(?:compose\s+|container\s+|image\s+|volume\s+|network\s+)?{_OPTIONS}"
    r"(?:run|rm|rmi|build|push|stop|start|kill|up|down|restart|create|prune|tag)\b"
    r"|\bcurl\b[^\n|;]{0,200}?\s(?:-X\s?|--request[ =])(?:POST|PUT|PATCH|DELETE)\b|\bcurl\b[^\n|;]{0,200}?\s(?:-d|--data\S{0,12}|-F|-T)\s"
    r"|\bgh\s+(?:pr|issue|release|repo|label|workflow|secret)\s+(?:create|merge|close|comment|edit|delete|reopen|review|run|set)\b"
    r"|\balembic\s+(?:upgrade|downgrade|revision|stamp)\b|\bmanage\.py\s+(?:migrate|makemigrations|loaddata|flush)\b|\b(?:rails|rake)\s+db:"
    r"|\bprisma\s+(?:migrate|db\s+push)\b|\bflyway\b[^\n]{0,80}\bmigrate\b"
    r"|\b(?:ruff|eslint|stylelint|rubocop|biome)\b[^\n|;]{0,120}?\s(?:--fix|-a|-A|--write)\b|\bprettier\b[^\n|;]{0,120}?\s(?:--write|-w)\b"
    rf"|{_BEGINS}(?:black|isort|autopep8|rustfmt|kill|pkill|killall|crontab|truncate|reboot|useradd|userdel|passwd)\s"
    r"|\bgofmt\s+-w|\bcargo\s+fmt\b|\bruff\s+format\b|\bgo\s+(?:mod\s+tidy|fmt|generate)\b|\bperl\s+-\w{0,6}i|\bruby\s+-\w{0,6}i\b"
    r"|\baws\s+s3\s+(?:cp|mv|rm|sync)\b|\bredis-cli\b[^\n|;]{0,120}?\s(?:set|del|flushall|flushdb|hset|expire)\b"
    r"|\.(?:deleteMany|deleteOne|updateMany|updateOne|insertMany|insertOne)\("
    r"|\b(?:Set|New|Remove|Add|Clear|Copy|Move|Rename|Out|Start|Stop|Restart|Install)-(?:Content|Item|File|Service|Process|Module|ItemProperty)\b"
)
"""What a command that writes looks like."""

STATEMENT: Final = re.compile(
    r"\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE\s+TABLE|UPDATE\s+[\w.\"`\[\]]{1,80}\s+SET"
    r"|(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:UNIQUE\s+)?(?:TABLE|INDEX|VIEW|DATABASE|SCHEMA|USER|ROLE|FUNCTION|TRIGGER|TYPE))\b",
    re.IGNORECASE,
)
"""A statement by which a database is changed."""

DATABASE: Final = re.compile(r"sql|database|(?:^|_)db(?:_|$)", re.IGNORECASE)
"""Names of tools that run statements, also where they begin like one that only looks."""
