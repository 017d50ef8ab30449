-- A session that is saved keeps the book that it was saved with: its positions as they were known
-- then, which the history of positions tells, and its cash. A session saved before this is of the
-- book as it is.
alter table modeling_sessions
    add column known_at timestamptz,
    -- At the end of the last day whose entries and exits counted.
    add column cash     numeric(28, 10),
    add check ((known_at is null) = (cash is null));
create index on positions_history (owner_id, portfolio_id, known_to);
