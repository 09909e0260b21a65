-- Why: the first schema. Every row of a tenant's table carries its tenant_id, which is the distribution column and the
-- column that row-level security compares; a foreign row is unreachable even for a statement without a WHERE clause.
-- The same file runs on plain PostgreSQL and on Citus: the distribution steps act only where the extension is.
-- The schema "shared", the roles and their memberships are made before this file runs (src/db/roles.rs).

CREATE TABLE shared.tenants (
    id          bigserial PRIMARY KEY,
    name        text NOT NULL,
    name_key    text NOT NULL,
    join_policy text NOT NULL DEFAULT 'invite' CHECK (join_policy IN ('invite', 'open')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_name_key UNIQUE (name_key)
);
-- Number 1 is kept for the demo tenant.
SELECT setval('shared.tenants_id_seq', 1);

CREATE TABLE shared.users (
    id           bigserial,
    tenant_id    bigint NOT NULL,
    username     text NOT NULL,
    username_key text NOT NULL,
    email        text,
    email_key    text,
    password     text NOT NULL,
    role         text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT users_username_key UNIQUE (tenant_id, username_key),
    CONSTRAINT users_email_key UNIQUE (tenant_id, email_key)
);

CREATE TABLE notes (
    id         bigserial,
    tenant_id  bigint NOT NULL,
    user_id    bigint NOT NULL,
    title      text,
    content    text NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX notes_of_author ON notes (tenant_id, user_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX notes_in_bin ON notes (tenant_id, user_id, created_at DESC, id DESC) WHERE deleted_at IS NOT NULL;

CREATE TABLE note_revisions (
    tenant_id   bigint NOT NULL,
    note_id     bigint NOT NULL,
    version     integer NOT NULL,
    title       text,
    content     text NOT NULL,
    replaced_by bigint NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, note_id, version)
);

CREATE TABLE sessions (
    id           bigserial,
    tenant_id    bigint NOT NULL,
    token_hash   bytea NOT NULL,
    user_id      bigint NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('browser', 'remembered', 'script')),
    user_agent   text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, token_hash)
);
CREATE INDEX sessions_of_user ON sessions (tenant_id, user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE logins (
    identifier_hash bytea NOT NULL,
    tenant_id       bigint NOT NULL,
    user_id         bigint NOT NULL,
    PRIMARY KEY (identifier_hash, tenant_id, user_id)
);

-- The policies are written before the distribution, which copies them to every shard.
ALTER TABLE shared.tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON shared.tenants TO pigeonhole_app
    USING (id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (id = current_setting('app.tenant_id')::bigint);
CREATE POLICY sign_up ON shared.tenants TO pigeonhole_signup USING (true) WITH CHECK (true);
CREATE POLICY log_in ON shared.tenants FOR SELECT TO pigeonhole_login USING (true);

ALTER TABLE shared.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON shared.users TO pigeonhole_app, pigeonhole_signup
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);

ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON notes TO pigeonhole_app
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);

ALTER TABLE note_revisions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON note_revisions TO pigeonhole_app
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON sessions TO pigeonhole_app
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);
CREATE POLICY purge ON sessions TO pigeonhole_maintenance USING (true);

ALTER TABLE logins ENABLE ROW LEVEL SECURITY;
CREATE POLICY sign_up ON logins FOR INSERT TO pigeonhole_signup
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);
CREATE POLICY log_in ON logins FOR SELECT TO pigeonhole_login USING (true);

GRANT USAGE ON SCHEMA shared TO pigeonhole_app, pigeonhole_signup, pigeonhole_login;
GRANT SELECT ON shared.tenants TO pigeonhole_app, pigeonhole_login;
GRANT SELECT, INSERT ON shared.tenants TO pigeonhole_signup;
GRANT SELECT, UPDATE ON shared.users TO pigeonhole_app;
GRANT INSERT ON shared.users TO pigeonhole_signup;
GRANT SELECT, INSERT, UPDATE ON notes TO pigeonhole_app;
GRANT SELECT, INSERT ON note_revisions TO pigeonhole_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO pigeonhole_app;
GRANT SELECT, DELETE ON sessions TO pigeonhole_maintenance;
GRANT INSERT ON logins TO pigeonhole_signup;
GRANT SELECT ON logins TO pigeonhole_login;
GRANT USAGE ON SEQUENCE notes_id_seq, sessions_id_seq TO pigeonhole_app;
GRANT USAGE ON SEQUENCE shared.tenants_id_seq, shared.users_id_seq TO pigeonhole_signup;

-- A reference table and the tables that point to it are only distributed together in sequential mode, and each foreign
-- key is added when both of its ends are where they belong: adding it earlier would turn the tables into local ones.
-- Inside this block each statement is sent by itself, which Citus needs for DDL on distributed tables: it hands the whole
-- text of a query to the workers, and they refuse one with several commands.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
        PERFORM create_reference_table('shared.tenants');
        PERFORM create_distributed_table('shared.users', 'tenant_id', colocate_with => 'none');
        PERFORM create_distributed_table('notes', 'tenant_id', colocate_with => 'shared.users');
        PERFORM create_distributed_table('note_revisions', 'tenant_id', colocate_with => 'shared.users');
        PERFORM create_distributed_table('sessions', 'tenant_id', colocate_with => 'shared.users');
        PERFORM create_distributed_table('logins', 'identifier_hash', colocate_with => 'none');
    END IF;

    ALTER TABLE shared.users ADD CONSTRAINT users_tenant FOREIGN KEY (tenant_id) REFERENCES shared.tenants (id);
    ALTER TABLE notes ADD CONSTRAINT notes_author FOREIGN KEY (tenant_id, user_id) REFERENCES shared.users (tenant_id, id);
    ALTER TABLE note_revisions ADD CONSTRAINT revisions_note
        FOREIGN KEY (tenant_id, note_id) REFERENCES notes (tenant_id, id) ON DELETE CASCADE;
    ALTER TABLE sessions ADD CONSTRAINT sessions_user
        FOREIGN KEY (tenant_id, user_id) REFERENCES shared.users (tenant_id, id) ON DELETE CASCADE;
END $$;
