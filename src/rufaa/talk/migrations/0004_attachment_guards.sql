-- A file is what its row says, of one of the referral's two facilities, and it is kept. It can be marked as removed, once.
ALTER TABLE attachment ADD CONSTRAINT attachment_name
    CHECK (char_length(name) >= 1 AND char_length(name) <= 200 AND name !~ '[\u0001-\u001f\u007f-\u009f/\\]');
ALTER TABLE attachment ADD CONSTRAINT attachment_digest CHECK (octet_length(sha256) = 32);
ALTER TABLE attachment ADD CONSTRAINT attachment_reason CHECK (char_length(removed_reason) BETWEEN 1 AND 2000);
-- What is taken is compressed already.
ALTER TABLE attachment_content ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TRIGGER attachment_1_between BEFORE INSERT ON attachment FOR EACH ROW EXECUTE FUNCTION talk_is_between_the_two();
CREATE TRIGGER attachment_2_frozen BEFORE UPDATE ON attachment FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'created_at', 'referral_id', 'author_id', 'facility_id', 'name', 'kind',
                                    'size_bytes', 'sha256', 'removed_at', 'removed_by_id', 'removed_reason');
CREATE TRIGGER attachment_3_kept BEFORE DELETE ON attachment FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER attachment_4_kept BEFORE TRUNCATE ON attachment EXECUTE FUNCTION kept_for_ever();

CREATE FUNCTION attachment_content_is_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM attachment
        WHERE id = NEW.attachment_id AND size_bytes = octet_length(NEW.content) AND sha256 = sha256(NEW.content)
    ) THEN
        RAISE EXCEPTION 'attachment % has other bytes than its digest and its size say', NEW.attachment_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'attachment_content_is_it';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attachment_content_1_is_it BEFORE INSERT ON attachment_content FOR EACH ROW
    EXECUTE FUNCTION attachment_content_is_it();
CREATE TRIGGER attachment_content_2_only_grows BEFORE UPDATE OR DELETE ON attachment_content
    FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER attachment_content_3_kept BEFORE TRUNCATE ON attachment_content EXECUTE FUNCTION kept_for_ever();

CREATE FUNCTION attachment_needs_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM attachment_content WHERE attachment_id = NEW.id) THEN
        RAISE EXCEPTION 'attachment % has no bytes', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'attachment_needs_content';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER attachment_9_content AFTER INSERT ON attachment DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION attachment_needs_content();

-- Which file it was stands in the audit by its digest, and is sealed there.
CREATE FUNCTION audit_attachment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (kind, referral, place)
        SELECT 'attachment.add', referral_id, 'sha256:' || encode(sha256, 'hex') FROM after;
    ELSE
        INSERT INTO audit (kind, referral, place)
        SELECT 'attachment.remove', after.referral_id, 'sha256:' || encode(after.sha256, 'hex')
        FROM after JOIN before USING (id) WHERE before.removed_at IS NULL AND after.removed_at IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_insert AFTER INSERT ON attachment REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_attachment();
CREATE TRIGGER audit_update AFTER UPDATE ON attachment REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_attachment();

CALL rufaa_is_live('attachment', 'talk_is_live');
