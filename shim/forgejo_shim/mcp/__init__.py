"""A server of the Model Context Protocol: runs, jobs, logs and reasons of failures as tools for an agent.

`tools.py` is the table of tools, `calls.py` what each does with a `Client`, `reading.py` how a log is read in bounded
pieces, `answers.py` and `fence.py` what an agent is given; `server.py` and `http.py` speak the protocol, by the SDK.
"""
