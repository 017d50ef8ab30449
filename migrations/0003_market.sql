-- What the market says: shared by all owners, so it carries no owner and no row-level security.

-- Whatever can be held or priced. An option names its underlying and its contract's terms.
create table instruments (
    id             uuid primary key,
    -- Upper-case ticker, or the compact OCC symbol of an option.
    symbol         text not null unique check (symbol = upper(symbol) and length(symbol) between 1 and 21),
    name           text,
    asset_class    text not null check (asset_class in
                       ('EQUITY', 'ETF', 'MUTUAL_FUND', 'INDEX', 'OPTION', 'CASH', 'PRIVATE', 'UNKNOWN')),
    sector         text,
    industry       text,
    currency       text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
    underlying_id  uuid references instruments (id),
    option_kind    text check (option_kind in ('CALL', 'PUT')),
    strike         numeric(12, 3) check (strike > 0),
    expiry         date,
    exercise_style text check (exercise_style in ('AMERICAN', 'EUROPEAN')),
    -- Units of the underlying in one contract; 1 for everything that is not an option.
    multiplier     integer not null default 1 check (multiplier > 0),
    -- Whether a source of prices or a list of the program's names it. What is not listed is known
    -- because somebody holds it, and shown to nobody else.
    is_listed      boolean not null default false,
    -- The terms of a contract come all together or not at all.
    check ((asset_class = 'OPTION') = (num_nulls(underlying_id, option_kind, strike, expiry, exercise_style) = 0)),
    check (num_nulls(underlying_id, option_kind, strike, expiry, exercise_style) in (0, 5))
);
create index instruments_underlying_idx on instruments (underlying_id) where underlying_id is not null;

-- Daily bars exactly as traded. Adjusted series are derived from them and the corporate
-- actions, never stored instead: adjusted price times unadjusted quantity is a wrong value.
create table prices (
    instrument_id uuid not null references instruments (id),
    date          date not null,
    open          numeric(28, 10) check (open > 0),
    high          numeric(28, 10) check (high > 0),
    low           numeric(28, 10) check (low > 0),
    -- Zero only for what expired worthless.
    close         numeric(28, 10) not null check (close >= 0),
    volume        numeric(28, 4) check (volume >= 0),
    -- Adjusted over raw close, where a source gave both.
    adjustment    numeric check (adjustment > 0),
    source        text not null check (source in ('POLYGON', 'YAHOO', 'IMPORT', 'SYNTHETIC')),
    known_from    timestamptz not null default now(),
    primary key (instrument_id, date),
    check (low <= high)
);
-- How far each source reaches, without reading the table.
create index prices_source_idx on prices (source, date);
create table prices_history (like prices, known_to timestamptz not null);
create index prices_history_idx on prices_history (instrument_id, date, known_to);
create trigger believe before update on prices
    for each row execute function believe_from_now();
create trigger history_update after update on prices referencing old table as earlier
    for each statement execute function keep_history();
create trigger history_delete after delete on prices referencing old table as earlier
    for each statement execute function keep_history();

-- Splits and cash dividends.
create table corporate_actions (
    instrument_id  uuid not null references instruments (id),
    id             uuid not null,
    kind           text not null check (kind in ('SPLIT', 'DIVIDEND')),
    -- First session that trades without the old claim.
    effective_date date not null,
    -- New shares for old: 4 for 1 is 4 and 1.
    split_to       numeric(18, 8) check (split_to > 0),
    split_from     numeric(18, 8) check (split_from > 0),
    -- Per share, in the instrument's currency.
    cash_amount    numeric(28, 10) check (cash_amount > 0),
    source         text not null check (source in ('POLYGON', 'YAHOO', 'IMPORT', 'SYNTHETIC')),
    known_from     timestamptz not null default now(),
    primary key (instrument_id, id),
    check (case kind
               when 'SPLIT' then num_nulls(split_to, split_from) = 0 and cash_amount is null
               else cash_amount is not null and num_nonnulls(split_to, split_from) = 0
           end)
);
create unique index corporate_actions_once on corporate_actions (instrument_id, kind, effective_date);
create table corporate_actions_history (like corporate_actions, known_to timestamptz not null);
create trigger believe before update on corporate_actions
    for each row execute function believe_from_now();
create trigger history_update after update on corporate_actions referencing old table as earlier
    for each statement execute function keep_history();
create trigger history_delete after delete on corporate_actions referencing old table as earlier
    for each statement execute function keep_history();

-- Closings that no rule foresees, beside those the program knows: a day of mourning, a storm.
create table calendar_closings (
    date      date primary key,
    name      text not null check (length(name) between 1 and 200),
    -- New York time of an early close; null for a day without a session.
    closes_at time check (closes_at > '09:30' and closes_at < '16:00')
);

grant select, insert, update on instruments to sigmasight_app;
grant select, insert, update, delete on prices, corporate_actions to sigmasight_app;
grant select on prices_history, corporate_actions_history, calendar_closings to sigmasight_app;
