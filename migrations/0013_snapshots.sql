-- What each book was worth at the close of each session: the history that returns are made of.

create table portfolio_snapshots (
    owner_id           uuid not null,
    portfolio_id       uuid not null,
    date               date not null,
    id                 uuid not null,
    total_value        numeric not null,
    cash_balance       numeric not null,
    gross_exposure     numeric not null check (gross_exposure >= 0),
    net_exposure       numeric not null,
    long_exposure      numeric not null check (long_exposure >= 0),
    short_exposure     numeric not null check (short_exposure <= 0),
    notional           numeric not null check (notional >= 0),
    delta_adjusted_net numeric not null,
    -- What came in since the session before, without being earned: positions at what was paid
    -- for them, less those sold at what was paid, and the change of cash.
    net_flow           numeric not null,
    daily_pnl          numeric,
    -- Of everything there is or was, since its entry.
    cumulative_pnl     numeric not null,
    daily_return       double precision,
    -- Of the whole book; null where no position has any.
    delta              numeric,
    gamma              numeric,
    theta              numeric,
    vega               numeric,
    rho                numeric,
    long_count         integer not null,
    short_count        integer not null,
    position_count     integer not null,
    option_count       integer not null,
    source             text not null check (source in ('BATCH', 'BACKFILL', 'ON_DEMAND')),
    quality            text not null check (quality in
                           ('FULL', 'ESTIMATED', 'STALE', 'LIMITED', 'INSUFFICIENT')),
    -- SHA-256 of the figures: the same inputs give the same one, whenever.
    content_hash       bytea not null check (length(content_hash) = 32),
    created_at         timestamptz not null,
    primary key (owner_id, portfolio_id, date),
    unique (owner_id, id),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    check (gross_exposure = long_exposure - short_exposure),
    check (net_exposure = long_exposure + short_exposure),
    check (total_value = cash_balance + net_exposure),
    check (num_nulls(delta, gamma, theta, vega, rho) in (0, 5))
);
alter table portfolio_snapshots enable row level security;
create policy own on portfolio_snapshots using (owner_id = (select app_owner()));
grant select, insert, update, delete on portfolio_snapshots to sigmasight_app;

-- Every book there is. The nightly chain works through all of them, one owner after the other,
-- and may know that a book is there, not what is in it.
create function all_portfolios() returns table (owner_id uuid, portfolio_id uuid)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
    as $$
        select portfolios.owner_id, portfolios.id
          from public.portfolios
         order by portfolios.owner_id, portfolios.id
    $$;
revoke execute on function all_portfolios() from public;
grant execute on function all_portfolios() to sigmasight_app;
