-- The two walls between tenants. Every query the server makes runs as `sigmasight_app`, a role
-- that owns nothing and cannot bypass row-level security; migrations run as the role that
-- connects. Roles belong to the cluster, so another database may have made it already.
do $$
begin
    create role sigmasight_app nologin nosuperuser nobypassrls;
exception
    when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
    -- Already so for a superuser, and where an administrator has granted it.
    if not pg_has_role(current_user, 'sigmasight_app', 'member') then
        grant sigmasight_app to current_user;
    end if;
end
$$;
grant usage on schema public to sigmasight_app;

-- Whose rows this transaction may see. Unset is an error, not "all rows": `current_setting`
-- raises when the setting never was, and an empty leftover is no uuid.
create function app_owner() returns uuid
    language sql stable
    as $$ select current_setting('app.owner_id')::uuid $$;

-- Facts are kept: the earlier version of every changed or deleted row moves to `<table>_history`
-- with the time it stopped being believed. Columns are matched by name, so that a later
-- migration may add one to both tables in any order. Runs as the owner of the history tables,
-- so that the application can add to them only by changing a fact.
create function keep_history() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp
    as $$
begin
    execute format(
        'insert into public.%1$I
         select version.*
           from earlier
          cross join lateral jsonb_populate_record(
                    null::public.%1$I,
                    to_jsonb(earlier) || jsonb_build_object(''known_to'', now())) version',
        tg_table_name || '_history');
    return null;
end
$$;

-- A changed row is believed from now on.
create function believe_from_now() returns trigger
    language plpgsql
    as $$
begin
    new.known_from := now();
    return new;
end
$$;
