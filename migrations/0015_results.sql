-- What the nightly chain has found of each book at the close of each session, so that dashboards
-- read it and a history of it is kept. Of positions that are gone nothing is: snapshots alone
-- outlive them. A row that says the same stays as it is when its date is done again, with the
-- time at which it first said so.

-- Sensitivities of positions by the European model; null where there are none, and then
-- `warnings` say why.
create table position_greeks (
    owner_id                uuid not null,
    portfolio_id            uuid not null,
    position_id             uuid not null,
    date                    date not null,
    -- MODEL, FALLBACK, STOCK or EXPIRED.
    source                  text not null check (source in ('MODEL', 'FALLBACK', 'STOCK', 'EXPIRED')),
    delta                   numeric,
    gamma                   numeric,
    theta                   numeric,
    vega                    numeric,
    rho                     numeric,
    delta_adjusted_exposure numeric,
    -- Of an option that a model has valued: a year, as a fraction.
    volatility              double precision check (volatility > 0),
    quality                 text not null,
    warnings                text[] not null,
    created_at              timestamptz not null,
    primary key (owner_id, position_id, date),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    foreign key (owner_id, position_id) references positions (owner_id, id) on delete cascade,
    check (num_nulls(delta, gamma, theta, vega, rho) in (0, 5))
);

-- What books have in the factors: orthogonal betas, exposures at the positions' own prices.
create table factor_exposures (
    owner_id           uuid not null,
    portfolio_id       uuid not null,
    date               date not null,
    factor             text not null,
    dollars            numeric,
    beta               double precision,
    standard_error     double precision,
    observations       integer check (observations >= 0),
    total_value        numeric not null,
    quality            text not null,
    warnings           text[] not null,
    included_positions integer not null,
    excluded_positions integer not null,
    included_exposure  numeric not null,
    excluded_exposure  numeric not null,
    created_at         timestamptz not null,
    primary key (owner_id, portfolio_id, date, factor),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);

-- The same of positions, a row each: the betas are those of what moves the position.
create table position_factor_exposures (
    owner_id     uuid not null,
    portfolio_id uuid not null,
    position_id  uuid not null,
    date         date not null,
    -- Of all active factors in the order they are shown in, null where nothing is known.
    factors      text[] not null,
    betas        double precision[] not null,
    dollars      numeric[] not null,
    observations integer check (observations >= 0),
    quality      text not null,
    warnings     text[] not null,
    created_at   timestamptz not null,
    primary key (owner_id, position_id, date),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    foreign key (owner_id, position_id) references positions (owner_id, id) on delete cascade,
    check (cardinality(betas) = cardinality(factors) and cardinality(dollars) = cardinality(factors))
);

-- How positions answer to the ten-year yield: the return per 1.00 of its absolute change.
create table position_interest_rate_betas (
    owner_id       uuid not null,
    portfolio_id   uuid not null,
    position_id    uuid not null,
    date           date not null,
    beta           double precision,
    r_squared      double precision,
    standard_error double precision,
    observations   integer not null check (observations >= 0),
    quality        text not null,
    warnings       text[] not null,
    created_at     timestamptz not null,
    primary key (owner_id, position_id, date),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    foreign key (owner_id, position_id) references positions (owner_id, id) on delete cascade
);

-- What moves of the market and of the ten-year yield would do.
create table market_risk_scenarios (
    owner_id           uuid not null,
    portfolio_id       uuid not null,
    date               date not null,
    kind               text not null check (kind in ('MARKET', 'RATE')),
    -- A return, or an absolute change of the yield.
    move               double precision not null,
    pnl                numeric not null,
    -- Of the total value, or of the gross exposure where that is not above zero.
    share              double precision not null,
    new_total_value    numeric not null,
    beta               double precision,
    severity           text not null,
    quality            text not null,
    warnings           text[] not null,
    included_positions integer not null,
    excluded_positions integer not null,
    included_exposure  numeric not null,
    excluded_exposure  numeric not null,
    created_at         timestamptz not null,
    primary key (owner_id, portfolio_id, date, kind, move),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);

-- What scenarios would do. A scenario is everybody's or its owner's, so that no foreign key can
-- name its table; what it supposed then is kept, for it may be changed.
create table stress_test_results (
    owner_id             uuid not null,
    portfolio_id         uuid not null,
    scenario_id          uuid not null,
    date                 date not null,
    shocks               jsonb not null,
    direct_pnl           numeric not null,
    correlation_pnl      numeric not null,
    total_pnl            numeric not null,
    full_revaluation_pnl numeric,
    share                double precision not null,
    new_total_value      numeric not null,
    severity             text not null,
    -- Of each variable that moves.
    impacts              jsonb not null,
    -- The largest alone, with their positions.
    positions            jsonb not null,
    quality              text not null,
    warnings             text[] not null,
    included_positions   integer not null,
    excluded_positions   integer not null,
    included_exposure    numeric not null,
    excluded_exposure    numeric not null,
    created_at           timestamptz not null,
    primary key (owner_id, portfolio_id, scenario_id, date),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    check (total_pnl = direct_pnl + correlation_pnl)
);

-- How what books hold moves together, over 90 sessions.
create table portfolio_correlations (
    owner_id            uuid not null,
    portfolio_id        uuid not null,
    date                date not null,
    symbols             text[] not null,
    average             double precision,
    concentration_score double precision,
    effective_positions double precision,
    clusters            jsonb not null,
    -- Those furthest from zero alone.
    pairs               jsonb not null,
    quality             text not null,
    included_positions  integer not null,
    excluded_positions  integer not null,
    included_exposure   numeric not null,
    excluded_exposure   numeric not null,
    created_at          timestamptz not null,
    primary key (owner_id, portfolio_id, date),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);

do $$
declare
    of text;
begin
    foreach of in array array['position_greeks', 'factor_exposures', 'position_factor_exposures',
                              'position_interest_rate_betas', 'market_risk_scenarios',
                              'stress_test_results', 'portfolio_correlations'] loop
        execute format('alter table %I add check (quality in
                            (''FULL'', ''ESTIMATED'', ''STALE'', ''LIMITED'', ''INSUFFICIENT''))', of);
        execute format('alter table %I enable row level security', of);
        execute format('create policy own on %I using (owner_id = (select app_owner()))', of);
        execute format('grant select, insert, update, delete on %I to sigmasight_app', of);
    end loop;
end
$$;

create index on position_greeks (owner_id, portfolio_id, date);
create index on position_factor_exposures (owner_id, portfolio_id, date);
create index on position_interest_rate_betas (owner_id, portfolio_id, date);
create index on stress_test_results (owner_id, portfolio_id, date);

-- How the factors move together: everybody's.
create table factor_correlations (
    date         date primary key,
    factors      text[] not null,
    -- Row by row, as many rows as factors.
    matrix       double precision[] not null,
    observations integer not null,
    quality      text not null check (quality in
                     ('FULL', 'ESTIMATED', 'STALE', 'LIMITED', 'INSUFFICIENT')),
    warnings     text[] not null,
    created_at   timestamptz not null,
    check (cardinality(matrix) = cardinality(factors) * cardinality(factors))
);
grant select, insert, update, delete on factor_correlations to sigmasight_app;
