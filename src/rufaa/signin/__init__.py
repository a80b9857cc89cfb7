"""How callers prove who they are: tokens of our own, and API keys.

``compact`` a token as text, read before anybody believes it · ``tokens`` those that this server issues · ``api_keys``
keys of programs · ``known`` which keys there are, in memory. What a person may do is decided in ``facilities``; nothing
here knows an edge.
"""
