-- What money costs without risk, by day and time to maturity; what is remembered of providers so
-- that operators see how they are; and an audit log that operators read across owners.

-- Yields exactly as published: bond-equivalent, a fraction a year. All tenors together are one
-- curve, which is observed or simulated, never both.
create table treasury_yields (
    tenor      text not null check (tenor in
                   ('FED_FUNDS', 'SOFR', 'ONE_MONTH', 'THREE_MONTHS', 'SIX_MONTHS', 'ONE_YEAR',
                    'TWO_YEARS', 'THREE_YEARS', 'FIVE_YEARS', 'SEVEN_YEARS', 'TEN_YEARS',
                    'TWENTY_YEARS', 'THIRTY_YEARS')),
    date       date not null,
    -- A number in percent would not fit.
    rate       numeric(12, 10) not null check (abs(rate) < 1),
    source     text not null check (source in ('FRED', 'IMPORT', 'SYNTHETIC')),
    known_from timestamptz not null default now(),
    primary key (tenor, date)
);
create table treasury_yields_history (like treasury_yields, known_to timestamptz not null);
create index treasury_yields_history_idx on treasury_yields_history (tenor, date, known_to);
create trigger believe before update on treasury_yields
    for each row execute function believe_from_now();
create trigger history_update after update on treasury_yields referencing old table as earlier
    for each statement execute function keep_history();
create trigger history_delete after delete on treasury_yields referencing old table as earlier
    for each statement execute function keep_history();

-- What the provider was asked for: days without a yield are not asked for again and again.
create table yield_requests (
    tenor    text primary key,
    -- The earliest day that it has answered for; null while it never has.
    first    date,
    -- When it was last asked, whatever came of it.
    asked_at timestamptz not null
);

grant select, insert, update, delete on treasury_yields to sigmasight_app;
grant select on treasury_yields_history to sigmasight_app;
grant select, insert, update on yield_requests to sigmasight_app;

-- When a provider last gave an answer that could be used, and what was last wrong with it, in
-- words that hold neither a key nor an address.
alter table provider_gates
    add column answered_at timestamptz,
    add column failed_at timestamptz,
    add column last_error text check (length(last_error) <= 500);

-- Operators read the log of all owners; nobody else sees more than their own.
create policy operators on audit_log for select
    using ((select exists (select from users
                            where id = app_owner() and role = 'ADMIN' and disabled_at is null)));
-- Ids ascend with time: the log from its newest line.
create index audit_log_id_idx on audit_log (id);

-- The part of a dividend that nobody expects to come again: a special one, or a fund's gains.
alter table corporate_actions
    add column special_amount numeric(28, 10) not null default 0
        check (special_amount >= 0 and special_amount <= coalesce(cash_amount, 0));
alter table corporate_actions_history add column special_amount numeric(28, 10);
