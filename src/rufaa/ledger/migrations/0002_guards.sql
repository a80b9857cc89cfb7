-- A refund is recorded by hand until refunds have a table whose trigger does it.
CREATE TRIGGER transfer_by_triggers BEFORE INSERT ON transfer FOR EACH ROW WHEN (NEW.kind <> 'refunded')
    EXECUTE FUNCTION written_by_triggers();
CREATE TRIGGER transfer_only_grows BEFORE UPDATE OR DELETE ON transfer
    FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER transfer_is_kept BEFORE TRUNCATE ON transfer EXECUTE FUNCTION kept_for_ever();
