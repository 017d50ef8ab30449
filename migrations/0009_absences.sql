-- What providers do not have is noted by ranges, several an instrument, so that every session that
-- was asked for in vain keeps its own reason and the time of asking: a history that is not to be
-- had is not forgotten, and asked for again, whenever newer prices arrive.

alter table price_absences
    drop constraint price_absences_pkey,
    add primary key (instrument_id, first);
