-- name: tables
SELECT format('%I.%I', nspname, relname) AS name
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY 1

-- name: objects
-- What guards the rows, each as PostgreSQL itself writes it. Names alone would not tell a guard that was weakened.
WITH ours AS (
    SELECT pg_class.oid, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'p')
)
SELECT 'column ' || relname || '.' || attname AS name,
    format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
        || coalesce(' default ' || pg_get_expr(adbin, adrelid), '') || ' ' || attidentity::text AS means
FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
-- not of type n: NOT NULL is said with the column, and older servers have no constraints for it
SELECT 'constraint ' || relname || '.' || conname,
    pg_get_constraintdef(pg_constraint.oid) || CASE WHEN convalidated THEN '' ELSE ' (not valid)' END
FROM ours JOIN pg_constraint ON conrelid = ours.oid AND contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT 'index ' || relname || '.' || indexrelid::regclass::text,
    pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' (not valid)' END
FROM ours JOIN pg_index ON indrelid = ours.oid
UNION ALL
SELECT 'trigger ' || relname || '.' || tgname,
    pg_get_triggerdef(pg_trigger.oid) || CASE tgenabled WHEN 'O' THEN '' ELSE ' (not enabled: ' || tgenabled::text || ')' END
FROM ours JOIN pg_trigger ON tgrelid = ours.oid AND NOT tgisinternal
UNION ALL
-- the triggers that foreign keys work by: there is no other sign that one was switched off
SELECT 'key ' || relname || '.' || conname, string_agg(tgenabled::text, '' ORDER BY tgname)
FROM ours JOIN pg_trigger ON tgrelid = ours.oid AND tgisinternal JOIN pg_constraint ON pg_constraint.oid = tgconstraint
WHERE contype = 'f' GROUP BY 1
UNION ALL
SELECT 'function ' || pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid)
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = 'public' AND prokind = 'f'
ORDER BY 1

-- name: sequences
-- Each sequence with the column that takes its numbers.
SELECT format('%I.%I', pg_namespace.nspname, owner.relname) AS "table", quote_ident(attname) AS "column",
    pg_sequences.last_value
FROM pg_class AS sequence
JOIN pg_depend ON objid = sequence.oid AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
    AND deptype IN ('a', 'i') AND refobjsubid > 0
JOIN pg_class AS owner ON owner.oid = refobjid
JOIN pg_attribute ON attrelid = owner.oid AND attnum = refobjsubid
JOIN pg_namespace ON pg_namespace.oid = owner.relnamespace
JOIN pg_sequences ON schemaname = pg_namespace.nspname AND sequencename = sequence.relname
WHERE sequence.relkind = 'S'
ORDER BY 1, 2
