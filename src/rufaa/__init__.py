"""Rufaa: patient referrals whose fee is collected by M-Pesa STK Push.

Nouns are folders (``facilities``, ``patients``, ``referrals``, ``payments``, ``ledger``); ARCHITECTURE.md
has the map and the direction of the arrows between them.
"""

__version__ = "0.1.0"
