"""How callers prove who they are: tokens of our own, API keys, and tokens of OpenID issuers.

``compact`` a token as text, read before anybody believes it · ``tokens`` those that this server issues · ``api_keys``
keys of programs · ``known`` which keys there are, in memory · ``issuers`` OpenID issuers, with ``key_sets`` · ``links``
who somebody is whom an issuer names. What a person may do is decided in ``facilities``; nothing here knows an edge.
"""
