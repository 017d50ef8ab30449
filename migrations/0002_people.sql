-- Who may sign in, and what was done by whom. A user is its own owner.
--
-- `users` alone carries no row-level security: signing in looks a person up by address before
-- anyone is known. It holds nothing of a book.
create table users (
    id            uuid primary key,
    -- Kept as typed; compared in lower case.
    email         text not null check (length(email) between 3 and 254 and position('@' in email) > 1),
    full_name     text check (length(full_name) <= 200),
    role          text not null check (role in ('USER', 'ADMIN')),
    -- PHC string: algorithm, parameters, salt and hash together.
    password_hash text not null check (password_hash like '$argon2id$%'),
    -- Demo accounts have a published password: production refuses them.
    is_demo       boolean not null default false,
    created_at    timestamptz not null default now(),
    disabled_at   timestamptz
);
create unique index users_email_key on users (lower(email));

-- One sign-in, and all refresh tokens that descend from it.
create table sessions (
    owner_id       uuid not null references users (id) on delete cascade,
    id             uuid not null,
    created_at     timestamptz not null default now(),
    expires_at     timestamptz not null,
    revoked_at     timestamptz,
    revoked_reason text check (revoked_reason in ('LOGOUT', 'REUSE', 'PASSWORD_CHANGE')),
    primary key (owner_id, id),
    check ((revoked_at is null) = (revoked_reason is null))
);

-- A refresh token works once. Only its SHA-256 is kept: a stolen table signs nobody in.
create table refresh_tokens (
    owner_id   uuid not null,
    token_hash bytea not null check (length(token_hash) = 32),
    session_id uuid not null,
    issued_at  timestamptz not null default now(),
    used_at    timestamptz,
    primary key (owner_id, token_hash),
    foreign key (owner_id, session_id) references sessions (owner_id, id) on delete cascade
);
create index refresh_tokens_session_idx on refresh_tokens (owner_id, session_id);

-- What changed, who did it. Appended to, never rewritten.
create table audit_log (
    owner_id     uuid not null references users (id) on delete cascade,
    id           uuid not null,
    at           timestamptz not null default now(),
    actor_id     uuid not null,
    action       text not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
    subject_type text,
    subject_id   uuid,
    detail       jsonb not null default '{}',
    primary key (owner_id, id)
);
create index audit_log_at_idx on audit_log (owner_id, at desc);

-- The same key twice does the work once: the answer is stored with the effect, in one
-- transaction, and given again.
create table idempotency_keys (
    owner_id     uuid not null references users (id) on delete cascade,
    key          text not null check (length(key) between 1 and 200),
    operation    text not null,
    -- SHA-256 of the request: the same key with other content is a conflict.
    request_hash bytea not null check (length(request_hash) = 32),
    -- Null only inside the transaction that claims the key.
    response     jsonb,
    -- After a day it may be used for other work.
    claimed_at   timestamptz not null,
    primary key (owner_id, key)
);

alter table sessions enable row level security;
alter table refresh_tokens enable row level security;
alter table audit_log enable row level security;
alter table idempotency_keys enable row level security;
create policy own on sessions using (owner_id = (select app_owner()));
create policy own on refresh_tokens using (owner_id = (select app_owner()));
create policy own on audit_log using (owner_id = (select app_owner()));
create policy own on idempotency_keys using (owner_id = (select app_owner()));

-- Opens a request: fixes whose rows the transaction sees and says who is asking, in one round
-- trip. No row comes back for a session that ended or a user who may not sign in any more.
create function open_session(viewer_id uuid, viewer_session uuid, at_time timestamptz)
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
end
$$;

grant select, insert, update on users, sessions, refresh_tokens to sigmasight_app;
grant select, insert on audit_log to sigmasight_app;
grant select, insert, update on idempotency_keys to sigmasight_app;
