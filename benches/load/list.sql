-- For pgbench: what GET /api/notes lists, the first page of one of the seeded readers, as a bare SELECT. The product's own
-- statement (src/store/notes.rs) also bounds the sum of the texts. This one stays as it is, so that ratios can be compared over time.
\set tenant random({first}, {last})
\set person :tenant * 1000 + random(0, {users} - 1)
\set wanted 21
SELECT id, user_id, title, content, version, created_at, updated_at FROM notes
WHERE tenant_id = :tenant AND user_id = :person AND deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT :wanted;
