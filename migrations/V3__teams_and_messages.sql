-- Why: an organization is its people. They invite each other, share notes, and may end the organization; and what is shared
-- must arrive, whatever is killed when, so each share leaves its message in the outbox within the transaction that made it.
-- Changes of tables that are distributed already stand in the block at the end, each a query of its own, as Citus hands the
-- whole text of a query to the workers.

-- A link that lets people in. Its token is stored as SHA-256 and shown once.
CREATE TABLE invitations (
    id         bigserial,
    tenant_id  bigint NOT NULL,
    token_hash bytea NOT NULL,
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    invited_by bigint NOT NULL,
    uses_left  integer NOT NULL CHECK (uses_left >= 0),
    used       integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT invitations_token UNIQUE (tenant_id, token_hash)
);

-- What an author decided: with whom a note is shared. Audience 0 is everyone, now and later.
CREATE TABLE shares (
    tenant_id  bigint NOT NULL,
    note_id    bigint NOT NULL,
    audience   bigint NOT NULL,
    access     text NOT NULL CHECK (access IN ('read', 'edit')),
    shared_by  bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, note_id, audience)
);
CREATE INDEX shares_with_everyone ON shares (tenant_id, note_id) WHERE audience = 0;

-- What has arrived: the inbox of each recipient. Only a row here gives access.
CREATE TABLE shared_notes (
    tenant_id    bigint NOT NULL,
    recipient_id bigint NOT NULL,
    note_id      bigint NOT NULL,
    shared_by    bigint NOT NULL,
    access       text NOT NULL CHECK (access IN ('read', 'edit')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    read_at      timestamptz,
    PRIMARY KEY (tenant_id, recipient_id, note_id)
);
CREATE INDEX shared_notes_of_note ON shared_notes (tenant_id, note_id);
CREATE INDEX shared_notes_inbox ON shared_notes (tenant_id, recipient_id, created_at DESC, note_id DESC);
CREATE INDEX shared_notes_unread ON shared_notes (tenant_id, recipient_id) WHERE read_at IS NULL;

-- What is still to be done after an answer was given. A row is claimed by moving due_at into the future, which is also when it
-- is tried again if nobody acknowledges it.
CREATE TABLE outbox (
    id              bigserial,
    tenant_id       bigint NOT NULL,
    route           text NOT NULL,
    user_id         bigint NOT NULL,
    note_id         bigint,
    payload         text NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(),
    published_at    timestamptz,
    acknowledged_at timestamptz,
    failed_at       timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    last_error      text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE acknowledged_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_due_of_tenant ON outbox (tenant_id, due_at) WHERE acknowledged_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_of_note ON outbox (tenant_id, note_id, id);
CREATE INDEX outbox_done ON outbox (acknowledged_at) WHERE acknowledged_at IS NOT NULL;
CREATE INDEX outbox_failed ON outbox (failed_at) WHERE failed_at IS NOT NULL;

-- Which answer a repeated request gets.
CREATE TABLE idempotency_keys (
    tenant_id    bigint NOT NULL,
    user_id      bigint NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    created_id   bigint,
    answer       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON invitations TO pigeonhole_app, pigeonhole_signup, pigeonhole_maintenance
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);

ALTER TABLE shares ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON shares TO pigeonhole_app, pigeonhole_maintenance
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);

ALTER TABLE shared_notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON shared_notes TO pigeonhole_app, pigeonhole_maintenance
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);

-- The relay sees which tenants have something to do, and not what.
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON outbox TO pigeonhole_app, pigeonhole_signup
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);
CREATE POLICY relay ON outbox FOR SELECT TO pigeonhole_relay USING (true);
CREATE POLICY purge ON outbox TO pigeonhole_maintenance USING (true);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON idempotency_keys TO pigeonhole_app, pigeonhole_signup
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);
CREATE POLICY purge ON idempotency_keys TO pigeonhole_maintenance USING (true);

GRANT USAGE ON SCHEMA shared TO pigeonhole_relay, pigeonhole_maintenance;
GRANT SELECT, INSERT, UPDATE ON invitations TO pigeonhole_app;
GRANT SELECT, UPDATE ON invitations TO pigeonhole_signup;
GRANT SELECT, INSERT, UPDATE, DELETE ON shares, shared_notes TO pigeonhole_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO pigeonhole_app;
GRANT INSERT ON outbox TO pigeonhole_signup;
GRANT SELECT (tenant_id, route, created_at, due_at, published_at, acknowledged_at, failed_at) ON outbox TO pigeonhole_relay;
GRANT SELECT, INSERT ON idempotency_keys TO pigeonhole_app, pigeonhole_signup;
GRANT SELECT, DELETE ON invitations, shares, shared_notes, outbox, idempotency_keys TO pigeonhole_maintenance;
GRANT USAGE ON SEQUENCE invitations_id_seq TO pigeonhole_app;
GRANT USAGE ON SEQUENCE outbox_id_seq TO pigeonhole_app, pigeonhole_signup;

DO $$
BEGIN
    -- A database that is not distributed yet keeps these tables with the others; `cluster distribute` spreads all of them.
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'shared.users'::regclass AND partmethod = 'h') THEN
            SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
            PERFORM create_distributed_table('invitations', 'tenant_id', colocate_with => 'shared.users');
            PERFORM create_distributed_table('shares', 'tenant_id', colocate_with => 'shared.users');
            PERFORM create_distributed_table('shared_notes', 'tenant_id', colocate_with => 'shared.users');
            PERFORM create_distributed_table('outbox', 'tenant_id', colocate_with => 'shared.users');
            PERFORM create_distributed_table('idempotency_keys', 'tenant_id', colocate_with => 'shared.users');
        END IF;
    END IF;

    -- What somebody wrote stays with the tenant, so people who leave are marked and not deleted.
    ALTER TABLE shared.users ADD COLUMN removed_at timestamptz;
    -- When a tenant's rows are purged, unless somebody changes their mind before.
    ALTER TABLE shared.tenants ADD COLUMN delete_after timestamptz;

    ALTER TABLE invitations ADD CONSTRAINT invitations_inviter
        FOREIGN KEY (tenant_id, invited_by) REFERENCES shared.users (tenant_id, id);
    ALTER TABLE shares ADD CONSTRAINT shares_note FOREIGN KEY (tenant_id, note_id) REFERENCES notes (tenant_id, id) ON DELETE CASCADE;
    ALTER TABLE shared_notes ADD CONSTRAINT shared_notes_note
        FOREIGN KEY (tenant_id, note_id) REFERENCES notes (tenant_id, id) ON DELETE CASCADE;
    ALTER TABLE shared_notes ADD CONSTRAINT shared_notes_recipient
        FOREIGN KEY (tenant_id, recipient_id) REFERENCES shared.users (tenant_id, id);

    GRANT UPDATE (name, name_key, join_policy, delete_after) ON shared.tenants TO pigeonhole_app;
    GRANT SELECT (id, delete_after) ON shared.tenants TO pigeonhole_relay;
    CREATE POLICY relay ON shared.tenants FOR SELECT TO pigeonhole_relay USING (delete_after IS NOT NULL);

    -- A purge runs for one tenant at a time, under the same comparison as everything else.
    CREATE POLICY purge ON shared.tenants TO pigeonhole_maintenance USING (id = current_setting('app.tenant_id')::bigint);
    CREATE POLICY purge ON shared.users TO pigeonhole_maintenance USING (tenant_id = current_setting('app.tenant_id')::bigint);
    CREATE POLICY purge ON notes TO pigeonhole_maintenance USING (tenant_id = current_setting('app.tenant_id')::bigint);
    CREATE POLICY purge ON note_revisions TO pigeonhole_maintenance USING (tenant_id = current_setting('app.tenant_id')::bigint);
    CREATE POLICY purge ON logins TO pigeonhole_maintenance USING (tenant_id = current_setting('app.tenant_id')::bigint);
    GRANT SELECT (id, delete_after), DELETE ON shared.tenants TO pigeonhole_maintenance;
    GRANT SELECT (id, tenant_id, username_key, email_key), DELETE ON shared.users TO pigeonhole_maintenance;
    GRANT SELECT (id, tenant_id), DELETE ON notes TO pigeonhole_maintenance;
    GRANT SELECT (note_id, tenant_id), DELETE ON note_revisions TO pigeonhole_maintenance;
    GRANT SELECT (identifier_hash, tenant_id), DELETE ON logins TO pigeonhole_maintenance;
END $$;
