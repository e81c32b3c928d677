-- The event log of Annals, format 1, in a schema of its own that is first in the search path.

create table log_head (
    only_row boolean primary key default true check (only_row),
    position bigint not null,
    recorded_at bigint not null,
    streams bigint not null,
    attempts bigint not null,
    turn bigint not null
) with (
    -- The one row that every commit changes: its old versions stay on its page, and go soon.
    fillfactor = 10,
    autovacuum_vacuum_threshold = 200,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);
create table streams (
    stream_key bigint primary key,
    version bigint not null,
    id uuid not null,
    category text not null
) with (fillfactor = 80);
create unique index streams_by_name on streams (id, category);
create table events (
    position bigint primary key,
    stream_key bigint not null,
    version bigint not null,
    recorded_at bigint not null,
    effective_at bigint,
    schema_version integer not null,
    event_id uuid not null,
    actor_id uuid not null,
    on_behalf_of uuid,
    command_id uuid not null,
    causation_id uuid not null,
    correlation_id uuid not null,
    type text not null,
    actor_kind text not null,
    channel text not null,
    payload_sha256 bytea not null,
    leaf bytea not null,
    payload bytea not null
) with (autovacuum_freeze_min_age = 0);
create unique index events_by_stream on events (stream_key, version);
create table commands (
    command_id uuid primary key,
    stream_key bigint not null,
    version bigint not null,
    position bigint not null,
    events integer not null,
    actor_id uuid not null,
    actor_kind text not null,
    fingerprint bytea not null
) with (autovacuum_freeze_min_age = 0);
create table attempts (
    number bigint primary key,
    at bigint not null,
    actor_kind text not null,
    actor_id uuid not null,
    command_id uuid not null,
    command text not null,
    category text,
    stream_id uuid,
    code text not null
) with (autovacuum_freeze_min_age = 0);
create table process_checkpoints (name text primary key, position bigint not null);
insert into log_head (position, recorded_at, streams, attempts, turn) values (0, 0, 0, 0, 0);

-- Commits a group of requests: all of it, or nothing and the reason.
--
-- `known`: a command is in the ledger, or a stream is there, that the writer took for new.
-- `stale`: the head is not where the writer believes. `unsafe`: this session would acknowledge what
-- can be lost.
--
-- The head row moves by compare-and-set and stays locked until the commit: the order of commits is
-- the order of positions, and what can be seen is always a prefix of the log. Nothing is committed
-- between the state that the writer knows and the change of the head, because every commit moves
-- `turn`: therefore looking for what is known before that is early enough.
create function append(
    unknown_commands uuid[],
    before_position bigint, before_recorded_at bigint, before_turn bigint,
    after_position bigint, after_recorded_at bigint,
    after_streams bigint, after_attempts bigint, after_turn bigint,
    new_keys bigint[], new_versions bigint[], new_ids uuid[], new_categories text[],
    longer_keys bigint[], longer_versions bigint[],
    e_streams bigint[], e_versions bigint[], e_recorded_ats bigint[], e_effective_ats bigint[],
    e_schema_versions integer[], e_ids uuid[], e_actor_ids uuid[], e_on_behalf_ofs uuid[], e_command_ids uuid[],
    e_causation_ids uuid[], e_correlation_ids uuid[],
    e_types text[], e_actor_kinds text[], e_channels text[],
    e_payload_hashes bytea[], e_leaves bytea[], e_payloads bytea[],
    c_ids uuid[], c_streams bigint[], c_versions bigint[], c_positions bigint[], c_events integer[],
    c_actor_ids uuid[], c_actor_kinds text[], c_fingerprints bytea[],
    a_ats bigint[], a_actor_kinds text[], a_actor_ids uuid[], a_command_ids uuid[],
    a_commands text[], a_categories text[], a_stream_ids uuid[], a_codes text[],
    p_names text[], p_positions bigint[]
) returns text language plpgsql as $$
#variable_conflict use_column
begin
    if current_setting('synchronous_commit') not in ('on', 'remote_apply')
        or current_setting('fsync') <> 'on' or current_setting('full_page_writes') <> 'on' then
        return 'unsafe';
    end if;
    if exists (select from commands where command_id = any (unknown_commands))
        or exists (
            select from unnest(new_ids, new_categories) as new (id, category)
            join streams using (id, category)
        ) then
        return 'known';
    end if;
    update log_head set position = after_position, recorded_at = after_recorded_at,
        streams = after_streams, attempts = after_attempts, turn = after_turn
        where position = before_position and recorded_at = before_recorded_at
            and turn = before_turn;
    if not found then
        return 'stale';
    end if;
    insert into streams (stream_key, version, id, category)
        select * from unnest(new_keys, new_versions, new_ids, new_categories);
    update streams set version = longer.version
        from unnest(longer_keys, longer_versions) as longer (stream_key, version)
        where streams.stream_key = longer.stream_key;
    insert into events (position, stream_key, version, recorded_at, effective_at, schema_version,
            event_id, actor_id, on_behalf_of, command_id, causation_id, correlation_id,
            type, actor_kind, channel, payload_sha256, leaf, payload)
        select before_position + nth, stream_key, version, recorded_at, effective_at,
            schema_version, event_id, actor_id, on_behalf_of, command_id, causation_id,
            correlation_id, type, actor_kind, channel, payload_sha256, leaf, payload
        from unnest(e_streams, e_versions, e_recorded_ats, e_effective_ats, e_schema_versions,
            e_ids, e_actor_ids, e_on_behalf_ofs, e_command_ids, e_causation_ids, e_correlation_ids, e_types,
            e_actor_kinds, e_channels, e_payload_hashes, e_leaves, e_payloads)
            with ordinality as e (stream_key, version, recorded_at, effective_at, schema_version,
            event_id, actor_id, on_behalf_of, command_id, causation_id, correlation_id, type, actor_kind,
            channel, payload_sha256, leaf, payload, nth);
    insert into commands (command_id, stream_key, version, position, events, actor_id, actor_kind,
            fingerprint)
        select * from unnest(c_ids, c_streams, c_versions, c_positions, c_events, c_actor_ids,
            c_actor_kinds, c_fingerprints);
    if cardinality(a_ats) > 0 then
        insert into attempts (number, at, actor_kind, actor_id, command_id, command, category,
                stream_id, code)
            select after_attempts - cardinality(a_ats) + nth, at, actor_kind, actor_id, command_id,
                command, category, stream_id, code
            from unnest(a_ats, a_actor_kinds, a_actor_ids, a_command_ids, a_commands, a_categories,
                a_stream_ids, a_codes)
                with ordinality as a (at, actor_kind, actor_id, command_id, command, category,
                stream_id, code, nth);
    end if;
    if cardinality(p_names) > 0 then
        insert into process_checkpoints as p (name, position)
            select name, max(position) from unnest(p_names, p_positions) as saved (name, position)
            group by name
            on conflict (name) do update set position = greatest(p.position, excluded.position);
    end if;
    return 'stored';
end $$;

-- The last position up to `ends` that was recorded at or before `instant`. The time of recording
-- never decreases, so halving finds it. Null when a position is missing.
create function position_at(instant bigint, ends bigint) returns bigint
language plpgsql stable as $$
declare
    at_or_before bigint := 0;
    later bigint := ends + 1;
    middle bigint;
    recorded bigint;
begin
    while later - at_or_before > 1 loop
        middle := at_or_before + (later - at_or_before) / 2;
        select recorded_at into recorded from events where position = middle;
        if recorded is null then
            return null;
        elsif recorded <= instant then
            at_or_before := middle;
        else
            later := middle;
        end if;
    end loop;
    return at_or_before;
end $$;
