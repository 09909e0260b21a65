-- Why: people look for parts of words, without accents, in every script, and in one list of what they wrote and what was shared with
-- them (docs/decisions/0039). The program folds a note's text for searching and computes the keys of its parts, so that no locale of
-- a database decides what is found. `pigeonhole migrate` fills both columns for older notes behind this file (src/db/older_notes.rs).
DO $$
BEGIN
    ALTER TABLE notes DROP COLUMN words;
    ALTER TABLE notes ADD COLUMN search_text text, ADD COLUMN search_keys integer[];
    CREATE INDEX notes_by_search_keys ON notes USING gin (search_keys);
    CREATE INDEX notes_without_search_text ON notes (tenant_id) WHERE search_text IS NULL;
    CREATE INDEX notes_of_author_by_change ON notes (tenant_id, user_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
END $$;
