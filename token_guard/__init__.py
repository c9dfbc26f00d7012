"""token_guard: every LLM request fits its model, stays valid, keeps what matters and keeps the prompt cache warm."""
