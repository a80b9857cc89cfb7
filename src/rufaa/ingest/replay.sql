-- name: lock
-- Whoever replays it at the same time waits here, and a worker that settles it too.
SELECT id, kind, subject, settled_at, outcome, EXISTS (SELECT FROM evidence WHERE evidence.inbox = inbox.id) AS told
FROM inbox WHERE id = %(id)s
FOR NO KEY UPDATE OF inbox

-- name: became
SELECT again.id AS replayed_as, again.outcome AS replayed_outcome
FROM inbox JOIN inbox AS again ON again.subject = inbox.subject AND again.source = 'replay of ' || inbox.id
WHERE inbox.id = %(id)s

-- name: copy
INSERT INTO inbox (kind, subject, source, trusted, body)
SELECT kind, subject, %(source)s, trusted, body FROM inbox WHERE id = %(id)s
RETURNING id

-- name: others_left
-- Others to the same address that nobody could take in, since the task was opened.
SELECT FROM inbox AS other
WHERE other.subject = %(subject)s AND other.kind = %(kind)s AND other.id <> %(id)s
    AND (other.outcome LIKE 'failed%%' OR other.outcome LIKE 'malformed%%')
    AND NOT EXISTS (SELECT FROM inbox AS again
                    WHERE again.subject = other.subject AND again.source = 'replay of ' || other.id)
    AND EXISTS (SELECT FROM task
                WHERE task.closed_at IS NULL AND task.opened_at <= other.settled_at
                    AND (task.account_id = %(subject)s OR task.refund_id = %(subject)s OR task.prompt_id = %(subject)s)
                    AND task.kind IN ('unread', 'contradiction'))
