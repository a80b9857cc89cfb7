"""Referrals by the thousand, for what has to be as quick with them as without."""

from __future__ import annotations

from typing import Final

from support import World, execute

MANY: Final = """
WITH made AS (
    INSERT INTO particulars (id, name, phone)
    SELECT gen_random_uuid(), 'Patient' || n || ' ' || (ARRAY['Wanjiku', 'Otieno', 'Kamau', 'Achieng'])[1 + n %% 4],
        '2547' || lpad(n::text, 8, '0')
    FROM generate_series(%(start)s + 1, %(start)s + 1000) AS n RETURNING id
)
INSERT INTO referral (id, state, event, token, account_code, priority, referring_id, receiving_id,
    physician_id, created_by_id, particulars_id, released_at, medical_history, lab_results, diagnosis)
SELECT gen_random_uuid(), 'pending-admin', 'create', id::text, upper(right(id::text, 12)), 'Routine',
    %(origin)s, %(to)s, %(who)s, %(who)s, id, rufaa_now(), '', '""', '' FROM made
"""


def many(world: World, count: int) -> None:
    """So many referrals of as many people, a thousand at once, past the law but not past the search."""
    for start in range(0, count, 1000):
        execute(MANY, start=start, who=world.physician.user, origin=world.uhuru.pk, to=world.tumaini.pk)
