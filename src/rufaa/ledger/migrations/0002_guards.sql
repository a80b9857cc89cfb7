CREATE TRIGGER transfer_only_grows BEFORE UPDATE OR DELETE ON transfer
    FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER transfer_is_kept BEFORE TRUNCATE ON transfer EXECUTE FUNCTION kept_for_ever();
