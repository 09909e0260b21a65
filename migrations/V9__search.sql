-- Why: people look for notes by their words. Each note keeps its own, so that a search need not take every text apart. It has no
-- index: under a policy PostgreSQL cannot use one for this comparison (docs/decisions/0025), and a search walks one person's notes.
-- A word is letters and digits: a sign between them parts words, so that INV-4711 is found by 4711.
-- The statement rewrites the table, so it takes the longer the more notes there are.
DO $$
BEGIN
    ALTER TABLE notes ADD COLUMN words tsvector
        GENERATED ALWAYS AS (to_tsvector('simple', translate(coalesce(title, '') || ' ' || content, '-/.:@_+=~#&<>\''', repeat(' ', 15)))) STORED;
END $$;
