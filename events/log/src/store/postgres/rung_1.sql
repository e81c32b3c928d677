-- The first rung of the ladder: format 1 becomes format 2.
--
-- The function that appends has another name in each format: an older build that still runs fails by
-- that name.

-- In the order in which `append` touches them: neither waits for the other in a circle.
lock table commands, streams, log_head, events, attempts, process_checkpoints
    in access exclusive mode;
alter table events
    add column before_position bigint not null default 0,
    add column before_leaf bytea not null default '';
alter table commands add column checksum bytea not null default '';
alter table attempts
    add column token uuid,
    add column count bigint not null default 1,
    add column checksum bytea not null default '';
alter table process_checkpoints add column checksum bytea not null default '';
drop function append;

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
create function append_2(
    unknown_commands uuid[],
    at_position bigint, at_recorded_at bigint, at_turn bigint,
    after_position bigint, after_recorded_at bigint,
    after_streams bigint, after_attempts bigint, after_turn bigint,
    new_keys bigint[], new_versions bigint[], new_ids uuid[], new_categories text[],
    longer_keys bigint[], longer_versions bigint[],
    e_streams bigint[], e_versions bigint[], e_recorded_ats bigint[], e_effective_ats bigint[],
    e_schema_versions integer[], e_ids uuid[], e_actor_ids uuid[], e_on_behalf_ofs uuid[], e_command_ids uuid[],
    e_causation_ids uuid[], e_correlation_ids uuid[],
    e_types text[], e_actor_kinds text[], e_channels text[],
    e_payload_hashes bytea[], e_leaves bytea[], e_payloads bytea[],
    e_before_positions bigint[], e_before_leaves bytea[],
    c_ids uuid[], c_streams bigint[], c_versions bigint[], c_positions bigint[], c_events integer[],
    c_actor_ids uuid[], c_actor_kinds text[], c_fingerprints bytea[], c_checksums bytea[],
    a_ats bigint[], a_actor_kinds text[], a_actor_ids uuid[], a_command_ids uuid[],
    a_commands text[], a_categories text[], a_stream_ids uuid[], a_codes text[],
    a_tokens uuid[], a_counts bigint[], a_checksums bytea[],
    r_numbers bigint[], r_counts bigint[], r_checksums bytea[],
    p_names text[], p_positions bigint[], p_checksums bytea[]
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
        where position = at_position and recorded_at = at_recorded_at and turn = at_turn;
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
            type, actor_kind, channel, payload_sha256, leaf, payload, before_position, before_leaf)
        select at_position + nth, stream_key, version, recorded_at, effective_at,
            schema_version, event_id, actor_id, on_behalf_of, command_id, causation_id,
            correlation_id, type, actor_kind, channel, payload_sha256, leaf, payload,
            before_position, before_leaf
        from unnest(e_streams, e_versions, e_recorded_ats, e_effective_ats, e_schema_versions,
            e_ids, e_actor_ids, e_on_behalf_ofs, e_command_ids, e_causation_ids, e_correlation_ids, e_types,
            e_actor_kinds, e_channels, e_payload_hashes, e_leaves, e_payloads, e_before_positions,
            e_before_leaves)
            with ordinality as e (stream_key, version, recorded_at, effective_at, schema_version,
            event_id, actor_id, on_behalf_of, command_id, causation_id, correlation_id, type, actor_kind,
            channel, payload_sha256, leaf, payload, before_position, before_leaf, nth);
    insert into commands (command_id, stream_key, version, position, events, actor_id, actor_kind,
            fingerprint, checksum)
        select * from unnest(c_ids, c_streams, c_versions, c_positions, c_events, c_actor_ids,
            c_actor_kinds, c_fingerprints, c_checksums);
    if cardinality(a_ats) > 0 then
        insert into attempts (number, at, actor_kind, actor_id, command_id, command, category,
                stream_id, code, token, count, checksum)
            select after_attempts - cardinality(a_ats) + nth, at, actor_kind, actor_id, command_id,
                command, category, stream_id, code, token, count, checksum
            from unnest(a_ats, a_actor_kinds, a_actor_ids, a_command_ids, a_commands, a_categories,
                a_stream_ids, a_codes, a_tokens, a_counts, a_checksums)
                with ordinality as a (at, actor_kind, actor_id, command_id, command, category,
                stream_id, code, token, count, checksum, nth);
    end if;
    if cardinality(r_numbers) > 0 then
        update attempts set count = raised.count, checksum = raised.checksum
            from (select distinct on (number) * from unnest(r_numbers, r_counts, r_checksums)
                as r (number, count, checksum) order by number, count desc) as raised
            where attempts.number = raised.number and attempts.count < raised.count;
    end if;
    if cardinality(p_names) > 0 then
        insert into process_checkpoints as p (name, position, checksum)
            select distinct on (name) * from unnest(p_names, p_positions, p_checksums)
                as saved (name, position, checksum) order by name, position desc
            on conflict (name) do update set position = excluded.position,
                checksum = excluded.checksum where excluded.position > p.position;
    end if;
    return 'stored';
end $$;
