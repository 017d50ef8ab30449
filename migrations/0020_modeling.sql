-- What-if sessions: trades that somebody tries on a portfolio. They stand beside the book and are
-- put on top of it when they are asked about; no table that says what is held or traded knows of
-- them. A trade names its symbol, not an instrument: what nobody knows may be tried too, and makes
-- no row that others could see.

create table modeling_sessions (
    owner_id     uuid not null references users (id) on delete cascade,
    id           uuid not null,
    portfolio_id uuid not null,
    name         text not null check (length(name) between 1 and 100 and name = btrim(name)),
    description  text check (length(description) <= 2000),
    status       text not null check (status in ('ACTIVE', 'SAVED', 'CANCELLED')),
    -- The session whose close the trades are tried at.
    base_date    date not null,
    -- When it was last saved.
    saved_at     timestamptz check (saved_at is not null or status <> 'SAVED'),
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (owner_id, id),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);
create index modeling_sessions_portfolio_idx on modeling_sessions (owner_id, portfolio_id);

create table model_trades (
    owner_id   uuid not null,
    id         uuid not null,
    session_id uuid not null,
    -- Place among the session's trades, which are done in this order.
    ordinal    integer not null check (ordinal >= 0),
    -- Upper-case ticker, or the compact OCC symbol.
    symbol     text not null,
    action     text not null check (action in ('BUY', 'SELL', 'SELL_SHORT', 'BUY_TO_COVER')),
    quantity   numeric(28, 10) not null check (quantity > 0),
    -- Per share; the premium per share of an option.
    price      numeric(28, 10) not null check (price > 0),
    tags       text[] not null default '{}',
    created_at timestamptz not null,
    primary key (owner_id, id),
    unique (owner_id, session_id, ordinal),
    foreign key (owner_id, session_id) references modeling_sessions (owner_id, id) on delete cascade
);

alter table modeling_sessions enable row level security;
alter table model_trades enable row level security;
create policy own on modeling_sessions using (owner_id = (select app_owner()));
create policy own on model_trades using (owner_id = (select app_owner()));

grant select, insert, update, delete on modeling_sessions, model_trades to sigmasight_app;
