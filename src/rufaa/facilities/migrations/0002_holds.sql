CREATE TRIGGER account_hold_1_frozen BEFORE UPDATE ON account_hold FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'account_id', 'held_at', 'reason', 'held_by', 'released_at', 'released_by');
CREATE TRIGGER account_hold_2_kept BEFORE DELETE ON account_hold FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER account_hold_3_kept BEFORE TRUNCATE ON account_hold EXECUTE FUNCTION kept_for_ever();
