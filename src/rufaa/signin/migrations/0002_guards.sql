-- A key stays the key of its user, and a revoked one revoked; who had one is kept.
CREATE TRIGGER api_key_1_frozen BEFORE UPDATE ON api_key FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'created_at', 'user_id', 'prefix', 'digest', 'expires_at', 'revoked_at');
CREATE TRIGGER api_key_2_kept BEFORE DELETE ON api_key FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER api_key_3_kept BEFORE TRUNCATE ON api_key EXECUTE FUNCTION kept_for_ever();
