-- What keeps any number of processes within one provider's limits: a request takes its turn here
-- first. No tenant's data: it says neither who asks nor for what, so it carries no owner and no
-- row-level security.
create table provider_gates (
    -- Provider and plan, as `polygon-free`: with another plan come other limits.
    gate         text primary key check (length(gate) between 1 and 50),
    -- When the tokens that are out were taken, ascending; each returns one window later. A bucket
    -- that refilled steadily would let nearly twice its size through in the first window, and
    -- providers count by windows.
    taken_at     timestamptz[] not null default '{}',
    -- Something more urgent waits and will have asked again by then.
    quote_due    timestamptz,
    batch_due    timestamptz,
    -- The provider asked for silence until then.
    paused_until timestamptz,
    -- Requests in a row that failed for its fault; from some number on, it rests.
    failures     integer not null default 0 check (failures >= 0),
    rests_until  timestamptz
);

grant select, insert, update on provider_gates to sigmasight_app;
