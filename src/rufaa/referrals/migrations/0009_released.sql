-- A release writes no word anew: what the receiving facility finds by is there from the first, and whether it may find it
-- yet stands beside, where no index is. The room that is left on each page lets the row stay where its index finds it.

ALTER TABLE referral_search ADD COLUMN released boolean NOT NULL DEFAULT false, SET (fillfactor = 85);

-- As before (0005_search.sql), but for @r, which everyone has, and for what is told beside.
DROP FUNCTION referral_lexemes(uuid[]);
CREATE FUNCTION referral_lexemes(referrals uuid[]) RETURNS TABLE (referral uuid, words tsvector, released boolean)
    LANGUAGE sql STABLE AS $$
    SELECT referral.id, array_to_tsvector(array_remove(
        search_words(particulars.name) || lower(referral.account_code)
        || ARRAY(SELECT '$' || word FROM unnest(search_words(particulars.external_id)) AS word)
        || ARRAY[
            '#' || nullif(reverse(particulars.phone), ''),
            '#' || nullif(reverse(particulars.payer_phone), ''),
            '@f' || replace(referring_id::text, '-', ''),
            '@p' || replace(physician_id::text, '-', ''),
            '@r' || replace(receiving_id::text, '-', ''),
            '@m' || replace(payee_id::text, '-', '')
        ], NULL
    )), released_at IS NOT NULL
    FROM referral JOIN particulars ON particulars.id = referral.particulars_id
    WHERE referral.id = ANY(referrals)
$$;

CREATE OR REPLACE FUNCTION referrals_are_sought(changed uuid[]) RETURNS void LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO referral_search (referral_id, words, released)
    SELECT referral, words, released FROM referral_lexemes(changed)
    ON CONFLICT (referral_id) DO UPDATE SET words = excluded.words, released = excluded.released;
END $$;

CREATE FUNCTION referrals_are_released(changed uuid[], so boolean) RETURNS void LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    UPDATE referral_search SET released = so WHERE referral_id = ANY(changed);
END $$;

CREATE OR REPLACE FUNCTION referral_is_sought() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    otherwise uuid[];
    released uuid[];
    taken_back uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        otherwise := ARRAY(SELECT id FROM after);
    ELSE
        SELECT
            array_agg(after.id) FILTER (WHERE after.payee_id IS DISTINCT FROM before.payee_id),
            array_agg(after.id) FILTER (WHERE before.released_at IS NULL AND after.released_at IS NOT NULL),
            array_agg(after.id) FILTER (WHERE before.released_at IS NOT NULL AND after.released_at IS NULL)
            INTO otherwise, released, taken_back FROM after JOIN before USING (id);
    END IF;
    IF cardinality(released) > 0 THEN
        PERFORM referrals_are_released(released, true);
    END IF;
    IF cardinality(taken_back) > 0 THEN
        PERFORM referrals_are_released(taken_back, false);
    END IF;
    IF cardinality(otherwise) > 0 THEN
        PERFORM referrals_are_sought(otherwise);
    END IF;
    RETURN NULL;
END $$;

-- Particulars change words alone.
CREATE OR REPLACE FUNCTION particulars_are_sought() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.external_id, OLD.phone, OLD.payer_phone)
        IS DISTINCT FROM (NEW.name, NEW.external_id, NEW.phone, NEW.payer_phone)
    THEN
        PERFORM referrals_are_sought(ARRAY(SELECT id FROM referral WHERE particulars_id = NEW.id));
    END IF;
    RETURN NULL;
END $$;

UPDATE referral_search SET
    released = referral.released_at IS NOT NULL,
    words = CASE WHEN referral.released_at IS NOT NULL THEN words
        ELSE words || array_to_tsvector(ARRAY['@r' || replace(referral.receiving_id::text, '-', '')]) END
FROM referral WHERE referral.id = referral_search.referral_id;
