-- Why: a person may run one import at a time, whichever web process serves it. A row is the right to import, held for a short time
-- and renewed while the import runs: a process that dies leaves a row that the person's next import takes over when it has expired.
-- There is at most one row for each person, and the end of the import deletes it.

CREATE TABLE import_leases (
    tenant_id  bigint NOT NULL,
    user_id    bigint NOT NULL,
    holder     bigint NOT NULL,
    taken_at   timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

ALTER TABLE import_leases ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON import_leases TO pigeonhole_app
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);
GRANT SELECT, INSERT, UPDATE, DELETE ON import_leases TO pigeonhole_app;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'shared.users'::regclass AND partmethod = 'h') THEN
            SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
            PERFORM create_distributed_table('import_leases', 'tenant_id', colocate_with => 'shared.users');
        END IF;
    END IF;
    ALTER TABLE import_leases ADD CONSTRAINT import_leases_user
        FOREIGN KEY (tenant_id, user_id) REFERENCES shared.users (tenant_id, id) ON DELETE CASCADE;
END $$;
