-- The newest of what the nightly chain has found of books, ready to be answered with as long as it
-- is of what is there now. The history of it is in the dated tables.

-- How often what is known of an instrument's past has changed: its bars, its splits and dividends.
-- Whoever has computed something from them can tell whether it still holds without reading them.
-- Written by triggers alone, in the transaction that changes something.
create table price_revisions (
    instrument_id uuid primary key references instruments (id),
    revision      bigint not null
);
-- The same of all yields.
create table yield_revision (
    is_only  boolean primary key default true check (is_only),
    revision bigint not null
);
insert into yield_revision (revision) values (0);
grant select on price_revisions, yield_revision to sigmasight_app;

create function note_price_revision() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp
    as $$
begin
    insert into price_revisions as known (instrument_id, revision)
    select distinct instrument_id, 1 from changed order by instrument_id
        on conflict (instrument_id) do update set revision = known.revision + 1;
    return null;
end
$$;
create function note_yield_revision() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp
    as $$
begin
    if exists (select from changed) then
        update yield_revision set revision = revision + 1;
    end if;
    return null;
end
$$;
do $$
declare
    of text;
    noted text;
begin
    foreach of in array array['prices', 'corporate_actions', 'treasury_yields'] loop
        noted := case of when 'treasury_yields' then 'note_yield_revision' else 'note_price_revision' end;
        execute format('create trigger revision_insert after insert on %I referencing new table as changed
                            for each statement execute function %I()', of, noted);
        execute format('create trigger revision_update after update on %I referencing new table as changed
                            for each statement execute function %I()', of, noted);
        execute format('create trigger revision_delete after delete on %I referencing old table as changed
                            for each statement execute function %I()', of, noted);
    end loop;
end
$$;

create table latest_results (
    owner_id     uuid not null,
    portfolio_id uuid not null,
    kind         text not null check (kind in ('FACTORS', 'MARKET_RISK', 'STRESS')),
    date         date not null,
    -- A digest of the book it is of.
    book         bigint not null,
    -- The sum of the revisions that it was computed from.
    revisions    bigint not null,
    answer       json not null,
    -- When it was found, of that book and from that past.
    created_at   timestamptz not null,
    primary key (owner_id, portfolio_id, kind),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);
alter table latest_results enable row level security;
create policy own on latest_results using (owner_id = (select app_owner()));
grant select, insert, update, delete on latest_results to sigmasight_app;

-- Of which sessions and books there are newest results: triples of kind, date and digest.
create function latest_of(portfolio portfolios) returns jsonb
    language sql stable
    as $$
    select coalesce(jsonb_agg(jsonb_build_array(kind, date, book)), '[]')
      from latest_results
     where owner_id = portfolio.owner_id and portfolio_id = portfolio.id
    $$;
