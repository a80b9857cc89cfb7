CREATE TRIGGER stray_1_frozen BEFORE UPDATE ON stray FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'created_at', 'prompt', 'inbox', 'checkout_request_id', 'receipt_number',
                                    'amount_cents', 'paid_at', 'receipt_id');
CREATE TRIGGER stray_2_kept BEFORE DELETE ON stray FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER stray_3_kept BEFORE TRUNCATE ON stray EXECUTE FUNCTION kept_for_ever();

-- A task keeps what it is about; the list of the first guard grows by the new column.
DROP TRIGGER task_1_frozen ON task;
CREATE TRIGGER task_1_frozen BEFORE UPDATE ON task FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'opened_at', 'kind', 'facility_id', 'fee_id', 'stray_id', 'prompt_id',
                                    'receipt_id', 'why', 'closed_at');
