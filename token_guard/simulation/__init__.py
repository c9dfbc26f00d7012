"""What would have happened: recorded requests through a guard, and the bill of a provider's prompt cache before and after.

`trial` replays the requests of one session; `bill` prices what is sent; `totals` adds sessions up, by model.
"""
