-- Why: an invitation counts only while whoever gave it may still invite, so sign-up looks at the giver's role; the directory
-- of logins forgets one person and not everybody of the same name; and what purges tenants finds those whose time is over.
-- Each statement is a query of its own, as Citus needs it, and the shards are changed one after the other because a
-- reference table is among them.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
    END IF;
    CREATE POLICY overdue ON shared.tenants FOR SELECT TO pigeonhole_maintenance USING (delete_after < now());
    GRANT SELECT (id, tenant_id, role, removed_at) ON shared.users TO pigeonhole_signup;
    GRANT SELECT (user_id) ON logins TO pigeonhole_maintenance;
END $$;
