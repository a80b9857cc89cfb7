"""Safaricom's Daraja API: typed messages, one thin client, and closed sets of outcomes.

Here live the wire (``messages``, ``client``) and its meaning (``codes``, ``outcomes``). Never here: Django, a database,
a decision about a payment, or a second try of a push whose answer was lost. The facts are those of daraja.md.
"""
