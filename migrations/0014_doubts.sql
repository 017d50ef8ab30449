-- Closes that moved further than anything explains: kept and used, but told with what another
-- source makes of them.
create table price_doubts (
    instrument_id uuid not null references instruments (id),
    date          date not null,
    says          text not null check (length(says) between 1 and 500),
    noted_at      timestamptz not null,
    primary key (instrument_id, date)
);
grant select, insert, update, delete on price_doubts to sigmasight_app;
