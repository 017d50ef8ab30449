-- What people hold. The owner is in every key, so that no row can point into another's book,
-- and is the distribution column when one server no longer suffices.

create table portfolios (
    owner_id     uuid not null references users (id) on delete cascade,
    id           uuid not null,
    name         text not null check (length(name) between 1 and 100 and name = btrim(name)),
    -- The name without its case, as the program folds it; it makes names unique and orders them.
    name_key     text collate "C" not null,
    description  text check (length(description) <= 2000),
    currency     text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
    -- Below zero is borrowed money.
    cash_balance numeric(28, 10) not null default 0,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    primary key (owner_id, id)
);
create unique index portfolios_name_key on portfolios (owner_id, name_key);

create table positions (
    owner_id      uuid not null,
    id            uuid not null,
    portfolio_id  uuid not null,
    instrument_id uuid not null references instruments (id),
    type          text not null check (type in ('LONG', 'SHORT', 'LC', 'LP', 'SC', 'SP')),
    -- Always positive: the direction is in the type.
    quantity      numeric(28, 10) not null check (quantity > 0),
    -- Per share; the premium per share of an option.
    entry_price   numeric(28, 10) not null check (entry_price > 0),
    entry_date    date not null,
    exit_price    numeric(28, 10) check (exit_price >= 0),
    exit_date     date check (exit_date >= entry_date),
    notes         text check (length(notes) <= 2000),
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    known_from    timestamptz not null default now(),
    primary key (owner_id, id),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    check ((exit_price is null) = (exit_date is null))
);
create index positions_portfolio_idx on positions (owner_id, portfolio_id);
create index positions_instrument_idx on positions (instrument_id);
create table positions_history (like positions, known_to timestamptz not null);
create index positions_history_idx on positions_history (owner_id, id, known_to);
create trigger believe before update on positions
    for each row execute function believe_from_now();
create trigger history_update after update on positions referencing old table as earlier
    for each statement execute function keep_history();
create trigger history_delete after delete on positions referencing old table as earlier
    for each statement execute function keep_history();

create table tags (
    owner_id    uuid not null references users (id) on delete cascade,
    id          uuid not null,
    -- A name that starts like a spreadsheet formula would run as one when exported.
    name        text not null check (length(name) between 1 and 50 and name !~ '^[=+@-]'),
    -- The name without its case, as the program folds it; it makes names unique and orders them.
    name_key    text collate "C" not null,
    kind        text not null check (kind in ('REGULAR', 'STRATEGY')),
    color       text not null check (color ~ '^#[0-9A-F]{6}$'),
    description text check (length(description) <= 500),
    created_at  timestamptz not null default now(),
    -- Recoverable for a while before it is gone.
    deleted_at  timestamptz,
    primary key (owner_id, id),
    check ((kind = 'STRATEGY') = (name_key like '#strategy:%'))
);
create unique index tags_name_key on tags (owner_id, name_key) where deleted_at is null;

create table position_tags (
    owner_id    uuid not null,
    position_id uuid not null,
    tag_id      uuid not null,
    -- Order in which a position names its tags, from 0.
    ordinal     smallint not null default 0,
    primary key (owner_id, position_id, tag_id),
    foreign key (owner_id, position_id) references positions (owner_id, id) on delete cascade,
    foreign key (owner_id, tag_id) references tags (owner_id, id) on delete cascade
);
create index position_tags_tag_idx on position_tags (owner_id, tag_id);

alter table portfolios enable row level security;
alter table positions enable row level security;
alter table positions_history enable row level security;
alter table tags enable row level security;
alter table position_tags enable row level security;
create policy own on portfolios using (owner_id = (select app_owner()));
create policy own on positions using (owner_id = (select app_owner()));
create policy own on positions_history using (owner_id = (select app_owner()));
create policy own on tags using (owner_id = (select app_owner()));
create policy own on position_tags using (owner_id = (select app_owner()));

grant select, insert, update, delete on portfolios, positions, tags, position_tags to sigmasight_app;
grant select on positions_history to sigmasight_app;

-- What a person holds or held, and the underlyings of that. Row-level security binds it.
create function held_by(holder uuid) returns setof uuid
    language sql stable
    as $$
        select instrument_id from positions where owner_id = holder
         union
        select underlying_id
          from positions
          join instruments on instruments.id = positions.instrument_id
         where owner_id = holder and underlying_id is not null
    $$;

-- What must have prices, and since when. The keeper of prices works for all owners at once and
-- may know that something is held, never by whom: so this function alone looks across them.
create function held_instruments() returns table (instrument_id uuid, since date)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
    as $$
        select positions.instrument_id, min(positions.entry_date)
          from public.positions
         where positions.exit_date is null
         group by positions.instrument_id
    $$;
revoke execute on function held_instruments() from public;
grant execute on function held_instruments() to sigmasight_app;
