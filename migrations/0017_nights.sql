-- Which books a job could not do, and why, so that whoever operates finds them: an array of
-- {step, portfolio, message}, the first few hundred.
alter table batch_jobs add column failures jsonb not null default '[]';

-- A list of jobs reads as many rows as it shows. What a transaction may see is settled once a
-- statement, not asked of a function row by row, which would also keep conditions on other columns
-- from being looked up in an index. Still, whoever has not said whose work it is gets an error.
create function jobs_are_all_seen() returns boolean
    language sql stable
    as $$ select coalesce(current_setting('app.is_operator', true), '') = 'on' $$;
create function jobs_are_seen_of() returns uuid
    language plpgsql stable
    as $$
begin
    if jobs_are_all_seen() then
        return null;
    end if;
    return app_owner();
end
$$;
drop policy own on batch_jobs;
create policy own on batch_jobs
    using ((select jobs_are_all_seen()) or owner_id = (select jobs_are_seen_of()));
drop function may_see_job(uuid);
