"""What people are told by SMS and e-mail: each fact once, in their language, and what became of it.

Triggers write a notice in the transaction of its fact (``migrations/0002_facts.sql``); the worker words it, sends it
and notes the answer (``sending``); reports of delivery and STOP come in by ``arriving``. ADR 0029 says why a notice is
its own queue.
"""
