"""What would have happened: recorded requests through a guard, and the bill of a provider's prompt cache before and after.

`trial` replays the requests of one session; `bill` prices what is sent; `totals` adds sessions up, by model.
"""

from __future__ import annotations

from token_guard.simulation.totals import Total, added
from token_guard.simulation.trial import Options, Sent, Session, Variant, models_of, trial

__all__ = ["Options", "Sent", "Session", "Total", "Variant", "added", "models_of", "trial"]
