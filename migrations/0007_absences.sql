-- What providers were asked for and do not have, with their reason: so that it is told instead of
-- guessed at, and not asked for again at once.
create table price_absences (
    instrument_id uuid primary key references instruments (id),
    first         date not null,
    last          date not null check (last >= first),
    reason        text not null check (reason in
                      ('HOLIDAY', 'NO_TRADE', 'RANGE_TOO_OLD', 'RATE_LIMITED', 'UNAVAILABLE', 'UNKNOWN')),
    said          text not null check (length(said) <= 500),
    asked_at      timestamptz not null
);

grant select, insert, update, delete on price_absences to sigmasight_app;
