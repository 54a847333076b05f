-- Which folder a document is kept in (``fencepost apply``), and who published each version.
ALTER TABLE document ADD COLUMN folder TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN publisher TEXT NOT NULL DEFAULT '';
