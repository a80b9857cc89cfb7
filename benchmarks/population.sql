-- Copies of one referral (%(referral)s) and of everything that is its own, numbered %(first)s to %(last)s.

-- name: numbered
CREATE TEMPORARY TABLE made ON COMMIT DROP AS
SELECT n, uuidv7() AS referral, uuidv7() AS particulars, uuidv7() AS fee, uuidv7() AS prompt,
    upper(lpad(to_hex(n), 8, '0')) AS account_code,
    CASE WHEN n < 100000000 THEN '2547' ELSE '2541' END || lpad((n %% 100000000)::text, 8, '0') AS phone
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n

-- name: particulars
INSERT INTO particulars
SELECT (jsonb_populate_record(old, jsonb_build_object('id', made.particulars, 'phone', made.phone,
    'payer_phone', made.phone, 'name', 'Patient' || made.n || ' ' || (ARRAY['Wanjiku', 'Otieno', 'Kamau', 'Achieng'])[1 + made.n %% 4]))).*
FROM particulars AS old JOIN referral ON referral.particulars_id = old.id CROSS JOIN made
WHERE referral.id = %(referral)s

-- name: fees
INSERT INTO fee
SELECT (jsonb_populate_record(old, jsonb_build_object('id', made.fee, 'account_code', made.account_code))).*
FROM fee AS old JOIN referral ON referral.fee_id = old.id CROSS JOIN made
WHERE referral.id = %(referral)s

-- name: referrals
INSERT INTO referral
SELECT (jsonb_populate_record(old, jsonb_build_object('id', made.referral, 'particulars_id', made.particulars,
    'fee_id', made.fee, 'account_code', made.account_code, 'token', md5(made.referral::text)))).*
FROM referral AS old CROSS JOIN made
WHERE old.id = %(referral)s

-- name: words
INSERT INTO referral_search (referral_id, words, released)
SELECT referral, words, released FROM referral_lexemes(ARRAY(SELECT referral FROM made))

-- name: prompts
INSERT INTO prompt
SELECT (jsonb_populate_record(old, jsonb_build_object('id', made.prompt, 'fee_id', made.fee,
    'payer_phone', made.phone, 'sent_at', rufaa_now(), 'merchant_request_id', 'm-' || replace(made.prompt::text, '-', ''),
    'checkout_request_id', 'ws_CO_' || replace(made.prompt::text, '-', '')))).*
FROM prompt AS old JOIN referral ON referral.fee_id = old.fee_id CROSS JOIN made
WHERE referral.id = %(referral)s

-- name: history
INSERT INTO history (machine, subject, from_state, event, to_state, at, actor, reason)
SELECT old.machine,
    CASE old.subject WHEN referral.id THEN made.referral WHEN referral.fee_id THEN made.fee ELSE made.prompt END,
    old.from_state, old.event, old.to_state, old.at, old.actor, old.reason
FROM referral LEFT JOIN prompt ON prompt.fee_id = referral.fee_id
JOIN history AS old ON old.subject IN (referral.id, referral.fee_id, prompt.id)
CROSS JOIN made
WHERE referral.id = %(referral)s
ORDER BY made.n, old.id

-- name: transfers
INSERT INTO transfer (at, kind, debit, credit, amount_cents, account, fee)
SELECT old.at, old.kind, old.debit, old.credit, old.amount_cents, old.account, made.fee
FROM transfer AS old JOIN referral ON referral.fee_id = old.fee CROSS JOIN made
WHERE referral.id = %(referral)s
ORDER BY made.n

-- name: audit
INSERT INTO audit (id, at, kind, referral, actor, channel, place)
SELECT nextval('audit_number'), old.at, old.kind, made.referral, old.actor, old.channel, old.place
FROM audit AS old CROSS JOIN made
WHERE old.referral = %(referral)s
ORDER BY made.n, old.id

-- name: unsent
-- After the others: the prompts as they are before somebody sends them.
UPDATE prompt SET sent_at = NULL, merchant_request_id = NULL, checkout_request_id = NULL,
    created_at = rufaa_now(), next_at = rufaa_now()
FROM made WHERE prompt.id = made.prompt

-- name: waiting
-- Those of a referral that nobody was asked to pay yet.
SELECT referral AS id, phone FROM made ORDER BY n
