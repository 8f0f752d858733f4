"""What is kept between requests: facts about a server, and the keys of tickets; never a log, never a
credential.

protocol.py: what a store is asked for; memory.py and sqlite.py: two of them; facts.py: what the flows keep, and by
which names; session_file.py: the web session's cookies, which are no facts and are kept only where asked for.
"""
