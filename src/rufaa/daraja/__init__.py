"""Safaricom's Daraja API: typed messages, one thin client, and closed sets of outcomes.

Here live what is sent and read (``messages`` for a push, ``c2b``, ``pull``, ``orders``, ``results``), the ``wire`` and
the ``client`` over it, and what answers mean (``codes``, ``outcomes``, ``outcomes_orders``, ``registration``). Never
here: Django, a database, a decision about a payment, or a second try of anything whose answer was lost. The facts are
those of daraja.md.
"""
