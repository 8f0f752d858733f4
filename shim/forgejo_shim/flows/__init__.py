"""The work itself, without I/O: coroutines over the small transport of `transport.py`.

Rules: nothing here opens a socket, sleeps or reads a clock by itself, so the same steps run under `requests` (whose
transport never really waits: `run` drives a flow without an event loop) and under an event loop. Coroutines were
chosen over generators of effects because their results have types, and mypy checks them.
"""
