"""Routes on the proxy's own application, under `/token-guard/`, behind the proxy's own authentication."""

from token_guard.web.sessions import session_routes

__all__ = ["session_routes"]
