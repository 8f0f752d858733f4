"""The proxy: the flows of the library behind one address, for clients in any language.

Imports point one way: app → relay → upstream_transport → upstream → headers. Rules: it acts as its caller, so nothing
made from the web leaves before the caller's own question was a yes; the web session is the shim's and never a caller's;
what is no operation of ours passes through as it came, both ways; nothing secret is logged. Needs the extra `proxy`.
"""
