-- A split of shares makes other contracts of the options on them: 4 for 1 makes the call at 200
-- four calls at 50, under another symbol. Whoever held the one across the split has the other, so
-- they may see it and it must have prices, though no position names it.

create table contract_successors (
    instrument_id uuid not null references instruments (id),
    -- What one or several splits make of it.
    successor_id  uuid not null references instruments (id),
    primary key (instrument_id, successor_id)
);
create index contract_successors_successor_idx on contract_successors (successor_id);
grant select, insert on contract_successors to sigmasight_app;

-- What a person holds or held, what splits made of that, and the underlyings. Row-level security
-- binds it.
create or replace function held_by(holder uuid) returns setof uuid
    language sql stable
    as $$
        select instrument_id from positions where owner_id = holder
         union
        select underlying_id
          from positions
          join instruments on instruments.id = positions.instrument_id
         where owner_id = holder and underlying_id is not null
         union
        select successor_id
          from positions
          join contract_successors using (instrument_id)
         where owner_id = holder
    $$;

create or replace function held_instruments() returns table (instrument_id uuid, since date)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
    as $$
        with held as (
            select positions.instrument_id, positions.entry_date
              from public.positions
             where positions.exit_date is null)
        select named.id, min(named.entry_date)
          from (select held.instrument_id, held.entry_date from held
                 union all
                select contract_successors.successor_id, held.entry_date
                  from held
                  join public.contract_successors using (instrument_id)) named (id, entry_date)
         group by named.id
    $$;

-- The option contracts on an underlying that anybody holds or held, never by whom: what a split
-- makes of them has to be known whoever has them.
create function held_contracts(underlying uuid) returns setof uuid
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
    as $$
        select distinct positions.instrument_id
          from public.instruments
          join public.positions on positions.instrument_id = instruments.id
         where instruments.underlying_id = underlying
    $$;
revoke execute on function held_contracts(uuid) from public;
grant execute on function held_contracts(uuid) to sigmasight_app;
