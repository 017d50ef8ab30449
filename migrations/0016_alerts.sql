-- What people want to be told of their books, and what they were told.

create table alert_rules (
    owner_id     uuid not null,
    id           uuid not null,
    portfolio_id uuid not null,
    name         text not null check (length(name) between 1 and 100 and name = btrim(name)),
    metric       text not null check (metric in
                     ('NET_EXPOSURE_RATIO', 'GROSS_EXPOSURE_RATIO', 'POSITION_WEIGHT',
                      'SECTOR_WEIGHT', 'MARKET_BETA', 'FACTOR_BETA', 'VOLATILITY', 'DRAWDOWN',
                      'STRESS_LOSS_RATIO', 'DELTA_DOLLARS', 'OPTION_EXPIRY_DAYS',
                      'DAILY_PNL_RATIO')),
    operator     text not null check (operator in ('ABOVE', 'BELOW', 'ABS_ABOVE')),
    threshold    double precision not null,
    -- Which symbol, sector, factor or scenario; null for whichever it is.
    key          text,
    priority     text not null check (priority in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    is_active    boolean not null default true,
    created_at   timestamptz not null,
    primary key (owner_id, id),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);
create index alert_rules_portfolio_idx on alert_rules (owner_id, portfolio_id);

-- What of a rule is beyond its threshold and has not come back: silent until it has.
create table alert_breaches (
    owner_id uuid not null,
    rule_id  uuid not null,
    -- What was found, as a symbol; empty for a figure of the whole book.
    key      text not null,
    since    date not null,
    primary key (owner_id, rule_id, key),
    foreign key (owner_id, rule_id) references alert_rules (owner_id, id) on delete cascade
);

create table alerts (
    owner_id        uuid not null,
    id              uuid not null,
    portfolio_id    uuid not null,
    -- No foreign key: what was told outlives its rule.
    rule_id         uuid not null,
    -- The session it is about, and what was found furthest beyond the threshold.
    date            date not null,
    key             text not null,
    priority        text not null check (priority in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    title           text not null,
    message         text not null,
    value           double precision not null,
    triggered_at    timestamptz not null,
    acknowledged_at timestamptz,
    primary key (owner_id, id),
    -- Of one session nothing is told twice, whoever looks again.
    unique (owner_id, rule_id, key, date),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);
create index alerts_open_idx on alerts (owner_id, id) where acknowledged_at is null;
create index alerts_portfolio_idx on alerts (owner_id, portfolio_id);

do $$
declare
    of text;
begin
    foreach of in array array['alert_rules', 'alert_breaches', 'alerts'] loop
        execute format('alter table %I enable row level security', of);
        execute format('create policy own on %I using (owner_id = (select app_owner()))', of);
        execute format('grant select, insert, update, delete on %I to sigmasight_app', of);
    end loop;
end
$$;
