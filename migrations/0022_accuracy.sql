-- How well the market scenario predicted what books did, as each week found it: of what the books
-- held then, over the sessions up to its date. Of the sessions themselves nothing is kept, for they
-- are found again from prices. No field reads it: `Portfolio.scenarioAccuracy` is found when it is
-- asked for, over as many sessions as it is asked for.

create table scenario_accuracy (
    owner_id           uuid not null,
    portfolio_id       uuid not null,
    date               date not null,
    -- Sessions looked back on, and those of them with a prediction and an outcome.
    days_back          integer not null,
    observations       integer not null,
    -- Of prediction less outcome, as returns per session; null without an observation.
    rmse               double precision check (rmse >= 0),
    bias               double precision,
    -- Of predictions with outcomes; null also where either does not vary.
    correlation        double precision,
    -- Share of the sessions whose sign was right.
    hit_rate           double precision check (hit_rate between 0 and 1),
    quality            text not null check (quality in
                           ('FULL', 'ESTIMATED', 'STALE', 'LIMITED', 'INSUFFICIENT')),
    warnings           text[] not null,
    included_positions integer not null,
    excluded_positions integer not null,
    included_exposure  numeric not null,
    excluded_exposure  numeric not null,
    created_at         timestamptz not null,
    primary key (owner_id, portfolio_id, date),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    check (observations between 0 and days_back),
    check (num_nulls(rmse, bias, hit_rate) in (0, 3)),
    check (rmse is not null or correlation is null and quality = 'INSUFFICIENT')
);
alter table scenario_accuracy enable row level security;
create policy own on scenario_accuracy using (owner_id = (select app_owner()));
grant select, insert, update, delete on scenario_accuracy to sigmasight_app;
