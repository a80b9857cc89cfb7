"""A pretend Safaricom with a virtual handset: a product of its own, for demos, tests and any Daraja developer.

It is written from ``daraja.md`` alone and shares no code with ``rufaa.daraja``, so that one misreading of the facts is
not made twice. It knows nothing of referrals, Django or a database.

==================  ==============================================================
``config.py``       settings, merchants, what is switchable
``state.py``        the pure law of a prompt
``movements.py``    money that moved, by receipt number
``events.py``       what can happen; ``books.py`` what follows from it: wallets, tills
``plans.py``        what is planned for a prompt or payment that is to go wrong
``orders.py``       what an API operator orders; ``order_law.py`` what it comes to
``registrations.py``  what a short code is registered for
``notices.py``      what is posted besides the callbacks of prompts
``codes.py``        ResultCodes and the words that come with them
``chance.py``       seeded ids, receipts and alternations
``clock.py``        the real clock and the one that tests drive
``journal.py``      what happened, in memory and as JSON lines
``faults.py``       scripted misbehaviour: its kinds; ``parameters.py`` what they may be given
``script.py``       the faults that wait; ``effects.py`` what each does
``presets.py``      Safaricom's bad answers by name; ``shapes.py`` bad callbacks
``chaos.py``        the random mode: faults drawn from one seed
``core.py``         journal, books, clock and chance, for all parts of the engine
``engine.py``       what happens when: prompts, answers, timeouts, callbacks
``postings.py``     the callbacks that a prompt will have
``paybill.py``      payments by hand, their validation and confirmation
``ordering.py``     orders: taken, processed, told of
``postman.py``      posts notices when they are due
``checks.py``       Daraja's own checks of a push and a query; ``order_checks.py`` of an order
``oauth.py`` ``stk.py`` ``query.py`` ``c2b_endpoints.py`` ``pull_endpoints.py`` ``order_endpoints.py``  the endpoints
``c2b.py`` ``pull.py`` ``results.py``  C2B, Pull and the results of orders on the wire
``initiator.py``    the key behind a SecurityCredential
``callbacks.py``    the text of a callback and its one delivery
``rates.py``        the gateway's spike arrest
``answers.py``      Daraja's envelopes and Apigee's faults
``edge.py``         what every Daraja request passes through
``control.py``      the routes that tests and the handset use
``handset.py``      the virtual handset; ``words.py`` what it says
``server.py``       puts it together; ``testing.py`` runs it inside a test
==================  ==============================================================
"""
