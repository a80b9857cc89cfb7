CREATE TRIGGER openid_link_1_frozen BEFORE UPDATE ON openid_link FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'created_at', 'user_id', 'issuer', 'subject', 'removed_at');
CREATE TRIGGER openid_link_2_kept BEFORE DELETE ON openid_link FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER openid_link_3_kept BEFORE TRUNCATE ON openid_link EXECUTE FUNCTION kept_for_ever();
