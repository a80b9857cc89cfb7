"""How callers prove who they are: tokens of our own.

``compact`` a token as text, read before anybody believes it · ``tokens`` those that this server issues. What a person
may do is decided in ``facilities``; nothing here knows an edge.
"""
