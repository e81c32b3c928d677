-- The keys of Annals, format 1, in a schema of its own that is first in the search path.
--
-- Keys name the master key they are wrapped under, so that a new master key can take over one by
-- one. Batches are kept as evidence of which run made which keys.

create table master_keys (master integer primary key, check_value bytea not null);
create table batches (
    batch bigint generated always as identity primary key,
    run uuid not null
);
create table keys (
    key_id uuid primary key,
    master integer not null references master_keys,
    wrapped bytea not null
);
