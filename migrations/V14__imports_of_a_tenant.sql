-- Why: an organization may run so many imports at one time, as each holds an upload and connections. An import writes into the row
-- of the members (user_id 0) how many more may run beside it, and the CHECK refuses it when there is no room.

DO $$
BEGIN
    ALTER TABLE tenant_limits ADD COLUMN imports bigint;
    ALTER TABLE tenant_limits ADD CONSTRAINT tenant_limits_imports_check CHECK (imports >= 0);
    ALTER TABLE tenant_usage ADD COLUMN imports_room bigint;
    ALTER TABLE tenant_usage ADD CONSTRAINT limit_imports CHECK (imports_room >= 0);
END $$;
