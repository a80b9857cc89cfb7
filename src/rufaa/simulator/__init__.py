"""A pretend Safaricom with a virtual handset: a product of its own, for demos, tests and any Daraja developer.

It is written from ``daraja.md`` alone and shares no code with ``rufaa.daraja``, so that one misreading of the facts is
not made twice. It knows nothing of referrals, Django or a database.

===============  ==============================================================
``config.py``    settings, merchants, what is switchable
``state.py``     the pure law of a prompt, and the books (wallets and tills)
``plans.py``     what is planned for a prompt that is to go wrong
``codes.py``     ResultCodes and the words that come with them
``chance.py``    seeded ids, receipts and alternations
``clock.py``     the real clock and the one that tests drive
``journal.py``   what happened, in memory and as JSON lines
``faults.py``    scripted misbehaviour: its kinds, and what each does
``presets.py``   Safaricom's bad answers by name; ``shapes.py`` bad callbacks
``chaos.py``     the random mode: faults drawn from one seed
``engine.py``    what happens when: prompts, answers, timeouts, callbacks
``checks.py``    Daraja's own checks of a push and a query
``oauth.py`` ``stk.py`` ``query.py``  the three endpoints
``callbacks.py`` the text of a callback and its one delivery
``rates.py``     the gateway's spike arrest
``answers.py``   Daraja's envelopes and Apigee's faults
``edge.py``      what every Daraja request passes through
``control.py``   the routes that tests and the handset use
``handset.py``   the virtual handset; ``words.py`` what it says
``server.py``    puts it together; ``testing.py`` runs it inside a test
===============  ==============================================================
"""
