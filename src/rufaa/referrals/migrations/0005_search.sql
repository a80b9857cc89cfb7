-- How referrals are found by a part of what somebody remembers of them. One row a referral, kept by triggers, with lexemes:
--   jane wafula   words of the name, and the account code        $nx17   words of the referring facility's own number
--   #941473807    both phones from their end                      @f… @p… @r… @m…   who may see it (queries._gates):
--                                                                  referring, physician, receiving (once released), payee
-- A prefix of a lexeme finds, so that "jan waf", the last digits of a phone and the first of a code do; and nobody pays for
-- what others may see, since PostgreSQL intersects with the gates in the index.

-- Lower case, without accents and apostrophes, at punctuation and spaces: O'Brien is obrien, Müller-Otieno two words.
CREATE FUNCTION search_words(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT word), '{}')
    FROM regexp_split_to_table(
        lower(regexp_replace(normalize($1, NFKD), '[\u0300-\u036f''`´‘’ʼ]', '', 'g')), '[\s!-/:-@\[-`{-~]+'
    ) AS word
    WHERE word <> ''
$$;

-- Each word is the beginning of one that is there. "medical" and "money" are gates, either may be empty: whoever sees the
-- money alone finds by name and account code alone.
CREATE FUNCTION search_query(sought text, medical text, money text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT nullif(concat_ws(' | ',
        CASE WHEN medical <> '' THEN '(' || medical || ') & ' || string_agg(
            '(' || quote_literal(word) || ':* | ' || quote_literal('$' || word) || ':*'
            || CASE WHEN word ~ '^[0-9]{3,}$' THEN ' | ' || quote_literal('#' || reverse(word)) || ':*' ELSE '' END || ')', ' & ')
        END,
        CASE WHEN money <> '' THEN '(' || money || ') & ' || string_agg(quote_literal(word) || ':*', ' & ') END
    ), '')::tsquery
    FROM unnest(search_words(sought)) AS word
$$;

CREATE FUNCTION referral_lexemes(referrals uuid[]) RETURNS TABLE (referral uuid, words tsvector) LANGUAGE sql STABLE AS $$
    SELECT referral.id, array_to_tsvector(array_remove(
        search_words(particulars.name) || lower(referral.account_code)
        || ARRAY(SELECT '$' || word FROM unnest(search_words(particulars.external_id)) AS word)
        || ARRAY[
            '#' || nullif(reverse(particulars.phone), ''),
            '#' || nullif(reverse(particulars.payer_phone), ''),
            '@f' || replace(referring_id::text, '-', ''),
            '@p' || replace(physician_id::text, '-', ''),
            CASE WHEN released_at IS NOT NULL THEN '@r' || replace(receiving_id::text, '-', '') END,
            '@m' || replace(payee_id::text, '-', '')
        ], NULL
    ))
    FROM referral JOIN particulars ON particulars.id = referral.particulars_id
    WHERE referral.id = ANY(referrals)
$$;

CREATE FUNCTION referral_is_sought() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO referral_search (referral_id, words) SELECT referral, words FROM referral_lexemes(ARRAY[NEW.id])
    ON CONFLICT (referral_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;
CREATE TRIGGER referral_sought AFTER INSERT ON referral FOR EACH ROW EXECUTE FUNCTION referral_is_sought();
CREATE TRIGGER referral_sought_otherwise AFTER UPDATE ON referral FOR EACH ROW
    WHEN (OLD.released_at IS DISTINCT FROM NEW.released_at OR OLD.payee_id IS DISTINCT FROM NEW.payee_id)
    EXECUTE FUNCTION referral_is_sought();

-- What has changed is asked in the function: a WHEN over so many columns is spelled otherwise once it was restored.
CREATE FUNCTION particulars_are_sought() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.external_id, OLD.phone, OLD.payer_phone)
        IS NOT DISTINCT FROM (NEW.name, NEW.external_id, NEW.phone, NEW.payer_phone)
    THEN
        RETURN NULL;
    END IF;
    INSERT INTO referral_search (referral_id, words)
    SELECT referral, words FROM referral_lexemes(ARRAY(SELECT id FROM referral WHERE particulars_id = NEW.id))
    ON CONFLICT (referral_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;
CREATE TRIGGER particulars_sought AFTER UPDATE ON particulars FOR EACH ROW EXECUTE FUNCTION particulars_are_sought();

INSERT INTO referral_search (referral_id, words)
SELECT referral, words FROM referral_lexemes(ARRAY(SELECT id FROM referral));

-- The pending list of fastupdate would be read by every search.
CREATE INDEX referral_search_words ON referral_search USING gin (words) WITH (fastupdate = off);
