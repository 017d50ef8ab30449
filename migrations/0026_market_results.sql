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

-- What books have in the factors follows from betas now, and is kept by releases before this one
-- alone; correlations and accuracy are of books.
delete from latest_results where kind = 'FACTORS';
alter table latest_results drop constraint latest_results_kind_check;
alter table latest_results add constraint latest_results_kind_check
    check (kind in ('FACTORS', 'MARKET_RISK', 'STRESS', 'CORRELATIONS', 'ACCURACY'));
