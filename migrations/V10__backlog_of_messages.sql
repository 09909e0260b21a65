-- Why: an operator lists failed messages of all tenants and has them tried again or gives them up. The console did that as
-- the owner of the tables, whom row-level security does not bind. This role reads the outbox without the payloads, changes
-- failed messages only, and writes down what it did.
-- The role pigeonhole_backlog is made before this file runs (src/db/roles.rs).
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
    END IF;
    CREATE POLICY backlog_read ON outbox FOR SELECT TO pigeonhole_backlog USING (true);
    CREATE POLICY backlog_replay ON outbox FOR UPDATE TO pigeonhole_backlog
        USING (failed_at IS NOT NULL AND acknowledged_at IS NULL)
        WITH CHECK (failed_at IS NULL AND acknowledged_at IS NULL);
    CREATE POLICY backlog_drop ON outbox FOR DELETE TO pigeonhole_backlog USING (failed_at IS NOT NULL);
    GRANT SELECT (id, tenant_id, route, user_id, note_id, created_at, due_at, published_at, acknowledged_at, failed_at, attempts,
        last_error) ON outbox TO pigeonhole_backlog;
    GRANT UPDATE (due_at, published_at, failed_at, attempts, last_error) ON outbox TO pigeonhole_backlog;
    GRANT DELETE ON outbox TO pigeonhole_backlog;
    GRANT USAGE ON SCHEMA operator TO pigeonhole_backlog;
    GRANT INSERT (who, command, detail), SELECT (id), UPDATE (finished_at, outcome, message) ON operator.events
        TO pigeonhole_backlog;
    GRANT USAGE ON SEQUENCE operator.events_id_seq TO pigeonhole_backlog;
END $$;
