-- Why: passwords and tokens could be guessed without end. Every process that serves counts attempts here, so that a second
-- process does not double what an attacker may try. A row is one bucket. Its key is a hash of the kind and the subject (an
-- address, a typed name, a browser), so that the table holds no plain names. Times are milliseconds since 1970 and not
-- timestamps, as Citus refuses arithmetic with intervals in an update. No row belongs to a tenant: an attempt comes before
-- a tenant is known. The maintenance role removes rows that were not used for a day.
-- An e-mail that its mailbox confirmed comes first when a login looks for accounts; nothing confirms one yet.
CREATE TABLE throttles (
    key      bytea PRIMARY KEY,
    tat      bigint NOT NULL,
    failures integer NOT NULL,
    seen_at  bigint NOT NULL,
    admitted boolean NOT NULL
);
CREATE INDEX throttles_by_age ON throttles (seen_at);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        SET LOCAL citus.multi_shard_modify_mode TO 'sequential';
        -- A database that is not distributed yet keeps the table local; `cluster distribute` spreads it with the others.
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'logins'::regclass AND partmethod = 'h') THEN
            PERFORM create_distributed_table('throttles', 'key', colocate_with => 'logins');
        END IF;
    END IF;
    GRANT SELECT, INSERT, UPDATE, DELETE ON throttles TO pigeonhole_login;
    GRANT SELECT (seen_at), DELETE ON throttles TO pigeonhole_maintenance;
    ALTER TABLE logins ADD COLUMN confirmed_at timestamptz;
END $$;
