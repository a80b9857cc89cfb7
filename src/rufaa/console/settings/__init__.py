"""How a facility is set up, by its own administrators: ``overview`` for all who work there, and a page each for its
people, prices, M-Pesa account and details. ``house`` is what these share.
"""
