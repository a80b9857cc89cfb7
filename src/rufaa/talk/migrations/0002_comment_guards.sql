-- A comment is said for one of the referral's two facilities, in at most 2000 characters, none of which is a control
-- character but tab and line feed. It stays as it was said.
ALTER TABLE comment ADD CONSTRAINT comment_text
    CHECK (char_length(text) >= 1 AND char_length(text) <= 2000 AND text !~ '[\u0001-\u0008\u000b-\u001f\u007f-\u009f]');

CREATE FUNCTION talk_is_between_the_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM referral WHERE id = NEW.referral_id AND NEW.facility_id IN (referring_id, receiving_id)
    ) THEN
        RAISE EXCEPTION '% %: its facility is none of the two of its referral', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'talk_is_between_the_two';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER comment_1_between BEFORE INSERT ON comment FOR EACH ROW EXECUTE FUNCTION talk_is_between_the_two();
CREATE TRIGGER comment_2_only_grows BEFORE UPDATE OR DELETE ON comment FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER comment_3_kept BEFORE TRUNCATE ON comment EXECUTE FUNCTION kept_for_ever();

CREATE FUNCTION audit_comment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (kind, referral) SELECT 'comment.write', referral_id FROM after;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_insert AFTER INSERT ON comment REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_comment();

-- A topic of its own: lists and functions that show the referral have nothing of what is said about it.
CREATE FUNCTION talk_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('talk', referral_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('comment', 'talk_is_live');
