-- Why: an invitation counts only while whoever gave it may still invite, so sign-up looks at the giver's role; the directory
-- of logins forgets one person and not everybody of the same name; and what purges tenants finds those whose time is over.
GRANT SELECT (id, tenant_id, role, removed_at) ON shared.users TO pigeonhole_signup;
GRANT SELECT (user_id) ON logins TO pigeonhole_maintenance;
CREATE POLICY overdue ON shared.tenants FOR SELECT TO pigeonhole_maintenance USING (delete_after < now());
