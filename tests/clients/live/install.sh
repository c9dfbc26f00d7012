#!/usr/bin/env bash
# Installs clients into virtual environments under a folder: install.sh FOLDER [SECONDS [few|all]], by default all in at most 240. What
# cannot be installed is left out, and the tests skip it and say so. `few` are quick to install, `agents` take Python 3.11 or later
# as they do, `aider` takes 3.10 to 3.12.
set -uo pipefail
folder=${1:?usage: install.sh FOLDER [SECONDS [few|all]]}
deadline=$((SECONDS + ${2:-240}))
which=${3:-all}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

python_of() {
  local candidate
  for candidate in "$@"; do
    if "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

environment() {
  local name=$1 python=$2
  shift 2
  "$python" -m venv "$folder/$name" || return
  # half an environment is none: the tests go by the mark
  timeout $((deadline - SECONDS)) "$folder/$name/bin/python" -m pip install --quiet "$@" && touch "$folder/$name/installed"
}

mkdir -p "$folder"
if python=$(python_of python3.13 python3.12 python3.11 python3); then
  environment few "$python" openai-agents 'pydantic-ai-slim[openai,anthropic]' || echo "install.sh: the few could not be installed" >&2
  if [ "$which" = all ]; then
    environment agents "$python" mini-swe-agent langgraph langchain langchain-openai 'smolagents[openai]' ||
      echo "install.sh: the agents could not be installed" >&2
  fi
fi
if [ "$which" = all ] && python=$(python_of python3.12 python3.11 python3.10); then
  environment aider "$python" aider-chat || echo "install.sh: aider could not be installed" >&2
fi
ls -d "$folder"/*/installed >/dev/null 2>&1 || { echo "install.sh: no client was installed" >&2; exit 1; }
