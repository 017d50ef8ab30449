-- The newest of what the nightly chain has found of instruments and of the factors, ready to be
-- answered with, for whoever holds them, as long as it is made of what is known now. Betas and the
-- pricing of an option are nobody's: what a book has in the factors follows from them and from what
-- it holds.

create table market_results (
    kind       text not null check (kind in ('FACTOR_MODEL', 'FACTOR_CORRELATIONS', 'FACTOR_BETAS',
                                             'RATE_BETA', 'PRICING')),
    -- The instrument; of what is of all factors together the nil UUID.
    subject    uuid not null,
    date       date not null,
    -- A digest of the model, its assumptions and the quotes that it is of.
    state      bigint not null,
    -- The sum of the revisions that it was computed from.
    revisions  bigint not null,
    answer     json not null,
    -- When it was found, from that state and that past.
    created_at timestamptz not null,
    primary key (kind, subject)
);
grant select, insert, update, delete on market_results to sigmasight_app;

-- Exposures of books to the factors follow from betas now; correlations and accuracy are of books.
delete from latest_results where kind = 'FACTORS';
alter table latest_results drop constraint latest_results_kind_check;
alter table latest_results add constraint latest_results_kind_check
    check (kind in ('FACTORS', 'MARKET_RISK', 'STRESS', 'CORRELATIONS', 'ACCURACY'));

-- Of which sessions and books there are newest results: triples of kind, date and digest; and of
-- which session there is a model of the factors, from what.
create or replace function latest_of(portfolio portfolios) returns jsonb
    language sql stable
    as $$
    select coalesce(jsonb_agg(jsonb_build_array(kind, date, state)), '[]')
      from (select kind, date, book as state
              from latest_results
             where owner_id = portfolio.owner_id and portfolio_id = portfolio.id
             union all
            select kind, date, state
              from market_results
             where kind = 'FACTOR_MODEL') as newest
    $$;
