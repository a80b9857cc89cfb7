-- name: of_id
SELECT id, state FROM notice WHERE gateway_id = %(id)s AND address = %(phone)s FOR NO KEY UPDATE

-- name: of_phone
-- The one message to this phone whose answer was lost; where there are several, nobody can tell which it was. One that is
-- being sent counts: its report may come before its answer. An id that another phone's message has is that one's.
SELECT id, state FROM notice
WHERE address = %(phone)s AND gateway_id IS NULL AND state IN ('unknown', 'sending') AND channel = 'sms'
    AND created_at > rufaa_now() - interval '1 day'
    AND NOT EXISTS (SELECT FROM notice AS known WHERE known.gateway_id = %(id)s)
    AND NOT EXISTS (
        SELECT FROM notice AS other WHERE other.address = %(phone)s AND other.id <> notice.id AND other.gateway_id IS NULL
            AND other.state IN ('unknown', 'sending') AND other.channel = 'sms'
            AND other.created_at > rufaa_now() - interval '1 day'
    )
FOR NO KEY UPDATE

-- name: bind
UPDATE notice SET gateway_id = %(id)s, sent_at = coalesce(sent_at, rufaa_now()) WHERE id = %(notice)s

-- name: move
UPDATE notice SET state = %(state)s, event = %(event)s, reason = %(reason)s, lease_until = NULL WHERE id = %(notice)s
