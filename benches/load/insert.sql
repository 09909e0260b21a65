-- For pgbench: what POST /api/notes writes, of one of the seeded writers, as a bare INSERT. The product's transaction
-- (src/store/new_notes.rs) also counts the note of its author and tenant. This one stays as it is, as list.sql does.
\set tenant random({first}, {last})
\set person :tenant * 1000 + {users} + random(0, {users} - 1)
INSERT INTO notes (tenant_id, user_id, title, content) VALUES (:tenant, :person, 'Delivery',
    'The boxes stand in the hall & were counted for the last time on Monday; "twelve", says the driver. Größe und Gewicht stehen auf dem Schein. Ask for the invoice, call back on Thursday, and see that the *second* delivery is not mixed up with the **first**.')
RETURNING id, user_id, title, content, version, created_at, updated_at;
