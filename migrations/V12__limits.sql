-- Why: a tenant and a person may use so much and no more, and the limit is checked in the transaction that writes. What is used
-- is counted in rows beside the tenant's other rows, so that no write and no page counts notes.
--
-- tenant_usage has one row for each user (user_id > 0: the notes in use of which the user is the author, and the bytes of all
-- texts of the user's notes), one row for the members (user_id 0), and eight rows (user_id -8 to -1) over which the tenant's
-- notes and bytes are spread by the author's number: with one row, each write of a tenant would wait for the commit of the last.
-- A statement that adds to a row also writes how much room is left. A CHECK then refuses the transaction, whatever else it did;
-- room is NULL where there is no limit. Statements that take away leave the room as it was.
--
-- A text counts its bytes in UTF-8 with its title, and 256 more for what the database keeps beside it (src/domain/limits.rs).

CREATE TABLE tenant_usage (
    tenant_id    bigint NOT NULL,
    user_id      bigint NOT NULL,
    note_count   bigint NOT NULL DEFAULT 0,
    bytes        bigint NOT NULL DEFAULT 0,
    members      bigint NOT NULL DEFAULT 0,
    notes_room   bigint,
    bytes_room   bigint,
    members_room bigint,
    tokens_room  bigint,
    PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT limit_notes_per_person CHECK (user_id <= 0 OR notes_room >= 0),
    CONSTRAINT limit_notes CHECK (user_id > 0 OR notes_room >= 0),
    CONSTRAINT limit_bytes CHECK (bytes_room >= 0),
    CONSTRAINT limit_members CHECK (members_room >= 0),
    CONSTRAINT limit_tokens_per_person CHECK (tokens_room >= 0)
) WITH (fillfactor = 50);

-- What an operator allows one tenant in place of the settings LIMIT_*: NULL is the setting, 0 is no limit.
CREATE TABLE tenant_limits (
    tenant_id           bigint PRIMARY KEY,
    members             bigint CHECK (members >= 0),
    notes_in_all        bigint CHECK (notes_in_all >= 0),
    notes_per_person    bigint CHECK (notes_per_person >= 0),
    bytes               bigint CHECK (bytes >= 0),
    tokens_per_person   bigint CHECK (tokens_per_person >= 0),
    sessions_per_person bigint CHECK (sessions_per_person >= 0),
    requests            bigint CHECK (requests >= 0),
    requests_per_person bigint CHECK (requests_per_person >= 0)
);

ALTER TABLE tenant_usage ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON tenant_usage TO pigeonhole_app, pigeonhole_signup, pigeonhole_maintenance
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);
ALTER TABLE tenant_limits ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON tenant_limits TO pigeonhole_app, pigeonhole_signup, pigeonhole_maintenance
    USING (tenant_id = current_setting('app.tenant_id')::bigint)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::bigint);

GRANT SELECT, UPDATE ON tenant_usage TO pigeonhole_app;
GRANT SELECT, INSERT, UPDATE ON tenant_usage TO pigeonhole_signup;
GRANT SELECT (tenant_id), DELETE ON tenant_usage TO pigeonhole_maintenance;
-- Only an operator writes limits, as the owner of the tables.
GRANT SELECT ON tenant_limits TO pigeonhole_app, pigeonhole_signup;
GRANT SELECT (tenant_id), DELETE ON tenant_limits TO pigeonhole_maintenance;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'shared.users'::regclass AND partmethod = 'h') THEN
            SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
            PERFORM create_distributed_table('tenant_usage', 'tenant_id', colocate_with => 'shared.users');
            PERFORM create_distributed_table('tenant_limits', 'tenant_id', colocate_with => 'shared.users');
        END IF;
    END IF;

    -- What is there already is counted shard by shard: every SELECT groups by tenant_id.
    INSERT INTO tenant_usage (tenant_id, user_id)
        SELECT u.tenant_id, u.id FROM shared.users u;
    INSERT INTO tenant_usage (tenant_id, user_id, members)
        SELECT u.tenant_id, 0, count(*) FILTER (WHERE u.removed_at IS NULL) FROM shared.users u GROUP BY u.tenant_id;
    INSERT INTO tenant_usage (tenant_id, user_id)
        SELECT t.tenant_id, slot FROM (SELECT u.tenant_id FROM shared.users u GROUP BY u.tenant_id) t,
            generate_series(-8, -1) AS slot;
    UPDATE tenant_usage s SET note_count = n.notes, bytes = n.bytes
        FROM (SELECT n.tenant_id, n.user_id, count(*) FILTER (WHERE n.deleted_at IS NULL) AS notes,
                sum(256 + coalesce(octet_length(n.title), 0) + octet_length(n.content)) AS bytes
              FROM notes n GROUP BY n.tenant_id, n.user_id) n
        WHERE s.tenant_id = n.tenant_id AND s.user_id = n.user_id;
    UPDATE tenant_usage s SET bytes = s.bytes + r.bytes
        FROM (SELECT r.tenant_id, n.user_id, sum(256 + coalesce(octet_length(r.title), 0) + octet_length(r.content)) AS bytes
              FROM note_revisions r JOIN notes n ON n.tenant_id = r.tenant_id AND n.id = r.note_id
              GROUP BY r.tenant_id, n.user_id) r
        WHERE s.tenant_id = r.tenant_id AND s.user_id = r.user_id;
    UPDATE tenant_usage s SET note_count = u.notes, bytes = u.bytes
        FROM (SELECT p.tenant_id, -1 - p.user_id % 8 AS slot, sum(p.note_count) AS notes, sum(p.bytes) AS bytes
              FROM tenant_usage p WHERE p.user_id > 0 GROUP BY p.tenant_id, -1 - p.user_id % 8) u
        WHERE s.tenant_id = u.tenant_id AND s.user_id = u.slot;
END $$;
