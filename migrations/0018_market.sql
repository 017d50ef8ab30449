-- Bars that a provider told before their session had settled, as at the very minute of the close:
-- they are asked for once more when it has.
create table early_prices (
    instrument_id uuid not null references instruments (id),
    date          date not null,
    primary key (instrument_id, date)
);
grant select, insert, delete on early_prices to sigmasight_app;

-- When what an instrument stands for was last asked about, and what was said where nobody knew, so
-- that it is not asked about every night.
create table profile_requests (
    instrument_id uuid primary key references instruments (id),
    asked_at      timestamptz not null,
    -- Whether it may be known another day: the providers could not say.
    may_pass      boolean not null,
    -- Null when somebody knew.
    said          text check (length(said) <= 500)
);
grant select, insert, update on profile_requests to sigmasight_app;
