"""The Convex-compatible protocol: what the npm and Python ``convex`` clients speak, so that they run unchanged.

``values`` what crosses the wire · ``names`` how a function is called · ``arguments`` what a parameter accepts ·
``registry`` which functions there are · ``runtime`` what the composition root brings · ``calls`` one call, from
JSON to JSON · ``http`` (with ``body``, ``headers``, ``timestamps``) the HTTP function API · ``live`` the answers that
somebody watches · ``connection`` (with ``messages``, ``query_set``, ``pages``, ``effects``) what is said on a
WebSocket, pure · ``mutations`` each run once · ``websocket`` the socket around it.

Nothing here knows a referral, a payment, a user or a database: it imports ``rufaa.errors`` and the standard
library. Facts are from convex-protocol.md; its sections are cited as "protocol §…".
"""
