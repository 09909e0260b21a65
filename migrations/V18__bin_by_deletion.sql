-- Why: the bin shows what was deleted last first.
DO $$
BEGIN
    DROP INDEX notes_in_bin;
    CREATE INDEX notes_in_bin ON notes (tenant_id, user_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
END $$;
