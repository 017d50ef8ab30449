-- Stress scenarios are data. Those that come with the program are everybody's, and kept as
-- `seeds/stress_scenarios.json` has them at each start; a person's own carry their owner.

create table built_in_scenarios (
    id                uuid primary key default gen_random_uuid(),
    key               text not null unique check (key ~ '^[a-z][a-z0-9_]*$'),
    -- Place in the list.
    ordinal           smallint not null,
    name              text not null,
    description       text not null,
    category          text not null check (category in
                          ('MARKET', 'RATES', 'ROTATION', 'VOLATILITY', 'COMMODITY',
                           'INTERNATIONAL', 'CREDIT', 'HISTORICAL', 'CUSTOM')),
    severity          text not null check (severity in
                          ('POSITIVE', 'MILD', 'MODERATE', 'SEVERE', 'EXTREME')),
    -- [{"variable": "Market", "shock": -0.1}, …], in the order they are shown.
    shocks            jsonb not null check (jsonb_typeof(shocks) = 'array'),
    historical_period text,
    -- What a release no longer has stays for the results that name it.
    is_active         boolean not null default true,
    created_at        timestamptz not null default now()
);

create table stress_scenarios (
    owner_id    uuid not null references users (id) on delete cascade,
    id          uuid not null,
    name        text not null check (length(name) between 1 and 100 and name = btrim(name)),
    -- The name without its case, as the program folds it; it makes names unique and orders them.
    name_key    text collate "C" not null,
    description text not null default '' check (length(description) <= 2000),
    category    text not null check (category in
                    ('MARKET', 'RATES', 'ROTATION', 'VOLATILITY', 'COMMODITY',
                     'INTERNATIONAL', 'CREDIT', 'HISTORICAL', 'CUSTOM')),
    shocks      jsonb not null check (jsonb_typeof(shocks) = 'array'),
    is_active   boolean not null default true,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (owner_id, id)
);
create unique index stress_scenarios_name_key on stress_scenarios (owner_id, name_key);

alter table stress_scenarios enable row level security;
create policy own on stress_scenarios using (owner_id = (select app_owner()));

grant select, insert, update on built_in_scenarios to sigmasight_app;
grant select, insert, update, delete on stress_scenarios to sigmasight_app;
