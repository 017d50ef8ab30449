-- What moved the cash of portfolios, so that it is known at the close of any session: what it is
-- today less what has moved it since. Closing a position does, and whoever sets the balance.
create table cash_movements (
    owner_id     uuid not null,
    portfolio_id uuid not null,
    id           uuid not null,
    -- The day of the exit, or in New York when the balance was set.
    date         date not null,
    amount       numeric(28, 10) not null check (amount <> 0),
    -- What was closed; the movement outlives it where a whole book is replaced.
    position_id  uuid,
    created_at   timestamptz not null,
    primary key (owner_id, id),
    foreign key (owner_id, portfolio_id) references portfolios (owner_id, id) on delete cascade
);
create index on cash_movements (owner_id, portfolio_id, date);
create index on cash_movements (owner_id, position_id);
alter table cash_movements enable row level security;
create policy own on cash_movements using (owner_id = (select app_owner()));
grant select, insert, delete on cash_movements to sigmasight_app;

-- By how much the cash of a portfolio moved on each day that it did: pairs of date and amount, the
-- amount as text, for JSON numbers are not exact.
create function cash_moves(portfolio portfolios) returns jsonb
    language sql stable
    as $$
    select coalesce(jsonb_agg(jsonb_build_array(date, amount::text)), '[]')
      from (select date, sum(amount) as amount
              from cash_movements
             where owner_id = portfolio.owner_id and portfolio_id = portfolio.id
             group by date) moved
    $$;

-- A part of what has split three for one is a third of shares as they were entered: kept to all
-- digits, so that parts add up to what they were parted from.
alter table positions alter column quantity type numeric, alter column entry_price type numeric;
alter table positions_history
    alter column quantity type numeric, alter column entry_price type numeric;
