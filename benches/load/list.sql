-- For pgbench: the SELECT of GET /api/notes (src/store/notes.rs), the first page of one of the seeded readers.
\set tenant random({first}, {last})
\set person :tenant * 1000 + random(0, {users} - 1)
\set wanted 21
SELECT id, user_id, title, content, version, created_at, updated_at FROM notes
WHERE tenant_id = :tenant AND user_id = :person AND deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT :wanted;
