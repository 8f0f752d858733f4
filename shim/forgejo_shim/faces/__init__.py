"""The protocols that clients speak to the shim: each recognises a request as a call of an operation, and writes the
value, or the error, in its own form.

face.py: what a face is; forgejo.py: Forgejo 16's `/api/v1` with the shim's additions; forgejo_proxy.py: forgejo-proxy's
routes; all.py: the list of them. Rules: no face does I/O or knows a backend.
"""
