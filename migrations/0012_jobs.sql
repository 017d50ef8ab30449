-- Work the service owes itself, and what became of it. The engine behind it (the schema
-- `graphile_worker`) claims, locks and recovers, and forgets what is done; this remembers: who
-- asked, how far it is, how it ended.

create table batch_jobs (
    id                  uuid primary key,
    -- Whose work it is; null for work on everybody's behalf, which operators alone see.
    owner_id            uuid references users (id) on delete cascade,
    kind                text not null check (kind in
                            ('MARKET_DATA', 'GREEKS', 'FACTORS', 'MARKET_RISK', 'STRESS', 'CORRELATIONS',
                             'SNAPSHOTS', 'ACCURACY', 'ALERTS', 'RETENTION', 'BACKFILL', 'REPORT', 'EXPORT',
                             'RECALCULATE', 'DAILY')),
    status              text not null default 'QUEUED' check (status in
                            ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMED_OUT')),
    -- The session it is about.
    date                date,
    portfolio_id        uuid,
    -- What else it needs to know, by its kind.
    payload             jsonb not null default '{}',
    -- A firing of a schedule: a second one of the same name is the same job, for ever.
    occasion            text unique,
    -- What it will work on: until it has begun, asking for the same again gives the same job. Once it
    -- has, something may have changed behind its back, and the same is asked for anew.
    subject             text unique,
    processed           integer not null default 0 check (processed >= 0),
    total               integer check (total >= 0),
    failed              integer not null default 0 check (failed >= 0),
    message             text,
    -- Of a chain: what has begun or ended of it.
    steps               jsonb not null default '[]',
    -- How often it was begun. Also tells whoever still works on it that somebody else began since.
    attempt             integer not null default 0,
    max_attempts        integer not null check (max_attempts between 1 and 25),
    timeout_seconds     integer not null check (timeout_seconds between 1 and 86400),
    created_at          timestamptz not null,
    scheduled_for       timestamptz not null,
    started_at          timestamptz,
    finished_at         timestamptz,
    -- By the database's own clock, as whoever judges it.
    heartbeat_at        timestamptz,
    cancel_requested_at timestamptz,
    error_code          text,
    error_message       text,
    error_hint          text,
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade,
    check ((finished_at is null) = (status in ('QUEUED', 'RUNNING')))
);
create index batch_jobs_owner_idx on batch_jobs (owner_id, id);
create index batch_jobs_date_idx on batch_jobs (date, kind);
create index batch_jobs_open_idx on batch_jobs (id) where finished_at is null;

-- Whether this transaction may see a job of an owner: its own, or, for an operator, any. Alone in
-- asking for both: an operator's work is nobody's in particular.
create function may_see_job(owner uuid) returns boolean
    language plpgsql stable
    as $$
begin
    if current_setting('app.is_operator', true) = 'on' then
        return true;
    end if;
    return coalesce(owner = app_owner(), false);
end
$$;
alter table batch_jobs enable row level security;
create policy own on batch_jobs using (may_see_job(owner_id));
grant select, insert, update, delete on batch_jobs to sigmasight_app;

-- Whoever watches a job hears of each change when it is committed.
create function tell_of_job() returns trigger
    language plpgsql
    as $$
begin
    perform pg_notify('jobs', new.id::text);
    return null;
end
$$;
create trigger tell_new after insert on batch_jobs
    for each row execute function tell_of_job();
-- Of a heartbeat nobody has to hear.
create trigger tell after update of status, processed, total, failed, message, steps, cancel_requested_at
    on batch_jobs
    for each row execute function tell_of_job();

-- What runs when. The engine fires once a minute; this says what is due then.
create table batch_job_schedules (
    kind            text primary key,
    -- Five fields, read in New York's time.
    cron            text not null,
    -- Whether it is about a session, and so does nothing on other days.
    of_session      boolean not null,
    timeout_seconds integer not null check (timeout_seconds between 1 and 86400),
    max_attempts    integer not null check (max_attempts between 1 and 25),
    is_enabled      boolean not null default true,
    -- Up to when it has been looked at; what was due before has been queued.
    looked_at       timestamptz,
    last_run_at     timestamptz
);
grant select, insert, update on batch_job_schedules to sigmasight_app;

-- Hands a job to the engine, or again with another time. The application has no other right in
-- the engine's schema.
create function enqueue_job(job uuid, queue text, delay_seconds double precision) returns void
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp
    as $$
begin
    perform graphile_worker.add_job(
        'run', json_build_object('job', job), queue_name := queue,
        run_at := clock_timestamp() + make_interval(secs => delay_seconds),
        max_attempts := 1000, job_key := job::text);
end
$$;
revoke execute on function enqueue_job(uuid, text, double precision) from public;
grant execute on function enqueue_job(uuid, text, double precision) to sigmasight_app;

-- An administrator's request may see every job.
create or replace function open_session(viewer_id uuid, viewer_session uuid, at_time timestamptz)
    returns setof users
    language plpgsql
    as $$
begin
    perform set_config('app.owner_id', viewer_id::text, true);
    return query
        select users.*
          from users
          join sessions on sessions.owner_id = users.id
         where users.id = viewer_id
           and users.disabled_at is null
           and sessions.id = viewer_session
           and sessions.revoked_at is null
           and sessions.expires_at > at_time;
    if exists (select from users where id = viewer_id and role = 'ADMIN') then
        perform set_config('app.is_operator', 'on', true);
    end if;
end
$$;
