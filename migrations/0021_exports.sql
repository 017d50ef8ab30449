-- Files to take away: exports of books and of trades, reports, and what has them made again and again.
-- A file is kept in the database, for each of several servers on one database has to hand it out.

create table report_schedules (
    owner_id     uuid not null,
    id           uuid not null,
    portfolio_id uuid not null,
    template     text not null check (length(template) between 1 and 50),
    format       text not null check (format in ('CSV', 'JSON', 'XLSX', 'MARKDOWN', 'PDF')),
    -- Five fields, read in New York's time.
    cron         text not null check (length(cron) between 9 and 100),
    is_enabled   boolean not null default true,
    -- When it is due next; null for one that never is.
    next_run_at  timestamptz,
    last_run_at  timestamptz,
    created_at   timestamptz not null,
    primary key (owner_id, id),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);
create index report_schedules_portfolio_idx on report_schedules (owner_id, portfolio_id);
create index report_schedules_due_idx on report_schedules (next_run_at) where is_enabled;

create table exports (
    owner_id     uuid not null references users (id) on delete cascade,
    id           uuid not null,
    kind         text not null check (kind in ('PORTFOLIO', 'TRADES', 'REPORT')),
    format       text not null check (format in ('CSV', 'JSON', 'XLSX', 'FIX', 'MARKDOWN', 'PDF')),
    -- Null for trades without a book.
    portfolio_id uuid,
    -- What makes it, and says how far it is; jobs are remembered for longer than files are kept.
    job_id       uuid not null unique references batch_jobs (id) on delete cascade,
    -- The schedule it was made by; one that is deleted leaves what it made.
    schedule_id  uuid,
    file_name    text not null check (file_name ~ '^[a-z0-9][a-z0-9.-]{0,119}$'),
    -- What was asked for, as the program reads it.
    request      jsonb not null,
    -- Null until it is made.
    content      bytea check (octet_length(content) <= 33554432),
    created_at   timestamptz not null,
    primary key (owner_id, id),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);
create index exports_schedule_idx on exports (owner_id, schedule_id, id) where schedule_id is not null;
create index exports_portfolio_idx on exports (owner_id, portfolio_id);

alter table report_schedules enable row level security;
alter table exports enable row level security;
create policy own on report_schedules using (owner_id = (select app_owner()));
create policy own on exports using (owner_id = (select app_owner()));
grant select, insert, update, delete on report_schedules, exports to sigmasight_app;

-- Whose reports are due. Whoever looks at the schedules works for all owners: so this function looks
-- across them, and tells whose and which, never of what.
create function due_report_schedules(now timestamptz) returns table (owner_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
    as $$
        select report_schedules.owner_id, report_schedules.id
          from public.report_schedules
         where is_enabled and next_run_at <= now
         order by next_run_at
         limit 1000
    $$;
revoke execute on function due_report_schedules(timestamptz) from public;
grant execute on function due_report_schedules(timestamptz) to sigmasight_app;
