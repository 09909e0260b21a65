-- Why: an import may be interrupted and repeated. What a note of an archive became is remembered in the transaction that wrote
-- the note, so the repetition goes on where the first one ended and writes nothing twice.

CREATE TABLE imported_notes (
    tenant_id bigint NOT NULL,
    user_id   bigint NOT NULL,
    origin    bytea NOT NULL,
    note_id   bigint NOT NULL,
    PRIMARY KEY (tenant_id, user_id, origin)
);

ALTER TABLE imported_notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON imported_notes TO pigeonhole_app, pigeonhole_maintenance
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);
GRANT SELECT, INSERT ON imported_notes TO pigeonhole_app;
GRANT SELECT (tenant_id), DELETE ON imported_notes TO pigeonhole_maintenance;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'shared.users'::regclass AND partmethod = 'h') THEN
            SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
            PERFORM create_distributed_table('imported_notes', 'tenant_id', colocate_with => 'shared.users');
        END IF;
    END IF;
    ALTER TABLE imported_notes ADD CONSTRAINT imported_notes_note
        FOREIGN KEY (tenant_id, note_id) REFERENCES notes (tenant_id, id) ON DELETE CASCADE;
END $$;
