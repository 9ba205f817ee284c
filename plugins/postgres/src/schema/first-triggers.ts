import { quoteIdentifier } from './names.js';

/** A statement that touches more is written down as what it is: a change to whole tenants. */
export const MAX_CHANGES_PER_STATEMENT = 10_000;
/** How many changes are kept for brokers that were away. */
export const CHANGES_KEPT = 100_000;
/** PostgreSQL refuses notifications of 8,000 bytes, and with them the change itself. */
const MAX_NOTIFICATION_BYTES = 7500;
/** The log is trimmed once in so many changes, so that most statements delete nothing. */
const TRIM_EVERY = 1000;

const DEFINER = 'language plpgsql security definer set search_path = pg_catalog, pg_temp';

/**
 * Every statement that changes a user, a group, a membership or a rule adds one to the version, writes down whom it concerns, and announces
 * it. By trigger, so that it makes no difference who writes: the tool, another program, or somebody with psql.
 */
export function firstTriggers(schema: string): string {
  return `${notes(schema)}${ruleOwners(schema)}${tableFunctions(schema)}${tableTriggers(schema)}`;
}

function notes(schema: string): string {
  const s = quoteIdentifier(schema);
  return `
create type ${s}.change as (kind text, tenant text, name text);

-- Before a statement, not at its end only: writers queue here, and none holds rows for which the first in the queue waits.
create function ${s}.lock_state() returns trigger ${DEFINER} as $body$
begin
  perform 1 from ${s}.state for no key update;
  if not found then raise exception '${schema}.state has lost its row; nothing can be changed without a version'; end if;
  return null;
end $body$;

create function ${s}.note_changes(touched ${s}.change[]) returns void language plpgsql set search_path = pg_catalog, pg_temp as $body$
declare
  now_version bigint;
  now_epoch uuid;
  listed json;
  last_seq bigint;
begin
  if cardinality(touched) = 0 then return; end if;
  if cardinality(touched) > ${MAX_CHANGES_PER_STATEMENT} then
    touched := array(select row('tenant', t.tenant, '')::${s}.change from (select distinct c.tenant from unnest(touched) c) t);
  end if;
  if cardinality(touched) > ${MAX_CHANGES_PER_STATEMENT} then touched := array[row('all', '', '')::${s}.change]; end if;
  update ${s}.state set version = version + 1 returning version, epoch into now_version, now_epoch;
  if not found then raise exception '${schema}.state has lost its row; nothing can be changed without a version'; end if;
  insert into ${s}.changes (version, tenant, kind, name) select now_version, c.tenant, c.kind, c.name from unnest(touched) c;
  select max(seq) into last_seq from ${s}.changes;
  -- Whole versions only: of those that are left, a reader must be able to tell that none is missing.
  if last_seq / ${TRIM_EVERY} <> (last_seq - cardinality(touched)) / ${TRIM_EVERY} then
    delete from ${s}.changes
      where version <= (select c.version from ${s}.changes c where c.seq <= last_seq - ${CHANGES_KEPT} order by c.seq desc limit 1);
  end if;
  if touched[1].kind <> 'all' and cardinality(touched) <= 1000 then
    select json_agg(json_build_array(c.kind, c.tenant, c.name)) into listed from unnest(touched) c;
  end if;
  if octet_length(json_build_object('v', now_version, 'e', now_epoch, 'c', listed)::text) > ${MAX_NOTIFICATION_BYTES} then listed := null; end if;
  perform pg_notify('${schema}', json_build_object('v', now_version, 'e', now_epoch, 'c', listed)::text);
end $body$;
revoke all on function ${s}.note_changes(${s}.change[]) from public;
`;
}

function tableFunctions(schema: string): string {
  const s = quoteIdentifier(schema);
  return `
-- Columns one by one: those that somebody adds for purposes of his own are none of the broker's business.
create function ${s}.note_users() returns trigger ${DEFINER} as $body$
declare touched ${s}.change[];
begin
  if tg_op = 'INSERT' then
    select array_agg(distinct row('user', tenant, username)::${s}.change) into touched from new_rows;
  elsif tg_op = 'DELETE' then
    select array_agg(distinct row('user', tenant, username)::${s}.change) into touched from old_rows;
  else
    select array_agg(distinct row('user', tenant, username)::${s}.change) into touched from (
      (select id, tenant, username, password_hash, enabled, attributes from old_rows
        except select id, tenant, username, password_hash, enabled, attributes from new_rows)
      union all
      (select id, tenant, username, password_hash, enabled, attributes from new_rows
        except select id, tenant, username, password_hash, enabled, attributes from old_rows)
    ) changed;
  end if;
  perform ${s}.note_changes(coalesce(touched, '{}'));
  return null;
end $body$;

-- A group with another name changes what its members are called, and so their own rights: rules may come to them by that name.
create function ${s}.note_groups() returns trigger ${DEFINER} as $body$
declare touched ${s}.change[];
begin
  if tg_op = 'INSERT' then
    select array_agg(row('group', tenant, name)::${s}.change) into touched from new_rows;
  elsif tg_op = 'DELETE' then
    select array_agg(row('group', tenant, name)::${s}.change) into touched from old_rows;
  else
    with changed as (
      (select id, tenant, name from old_rows except select id, tenant, name from new_rows)
      union all
      (select id, tenant, name from new_rows except select id, tenant, name from old_rows)
    )
    select array_agg(distinct everything.change) into touched from (
      select row('group', tenant, name)::${s}.change as change from changed
      union all
      select row('user', u.tenant, u.username)::${s}.change
        from changed join ${s}.memberships m on m.group_id = changed.id join ${s}.users u on u.id = m.user_id
    ) everything;
  end if;
  perform ${s}.note_changes(coalesce(touched, '{}'));
  return null;
end $body$;

create function ${s}.note_memberships() returns trigger ${DEFINER} as $body$
declare touched ${s}.change[];
begin
  if tg_op = 'INSERT' then
    select array_agg(distinct row('user', u.tenant, u.username)::${s}.change) into touched from new_rows m join ${s}.users u on u.id = m.user_id;
  elsif tg_op = 'DELETE' then
    -- Of a user who is gone himself nothing is left to say here; his own deletion says it.
    select array_agg(distinct row('user', u.tenant, u.username)::${s}.change) into touched from old_rows m join ${s}.users u on u.id = m.user_id;
  else
    select array_agg(distinct row('user', u.tenant, u.username)::${s}.change) into touched
      from (
        (select user_id, group_id from old_rows except select user_id, group_id from new_rows)
        union all
        (select user_id, group_id from new_rows except select user_id, group_id from old_rows)
      ) m join ${s}.users u on u.id = m.user_id;
  end if;
  perform ${s}.note_changes(coalesce(touched, '{}'));
  return null;
end $body$;

create function ${s}.note_rules() returns trigger ${DEFINER} as $body$
declare touched ${s}.change[];
begin
  if tg_op = 'INSERT' then
    touched := ${s}.owners_of(array(select distinct row(tenant, user_id, group_id)::${s}.owner from new_rows));
  elsif tg_op = 'DELETE' then
    touched := ${s}.owners_of(array(select distinct row(tenant, user_id, group_id)::${s}.owner from old_rows));
  else
    touched := ${s}.owners_of(array(select distinct row(tenant, user_id, group_id)::${s}.owner from (
      (select id, tenant, user_id, group_id, effect, actions, pattern, max_qos, retain from old_rows
        except select id, tenant, user_id, group_id, effect, actions, pattern, max_qos, retain from new_rows)
      union all
      (select id, tenant, user_id, group_id, effect, actions, pattern, max_qos, retain from new_rows
        except select id, tenant, user_id, group_id, effect, actions, pattern, max_qos, retain from old_rows)
    ) changed));
  end if;
  perform ${s}.note_changes(touched);
  return null;
end $body$;

create function ${s}.note_truncation() returns trigger ${DEFINER} as $body$
begin
  perform ${s}.note_changes(array[row('all', '', '')::${s}.change]);
  return null;
end $body$;

create function ${s}.fill_membership() returns trigger ${DEFINER} as $body$
begin
  new.tenant := coalesce((select u.tenant from ${s}.users u where u.id = new.user_id), '');
  return new;
end $body$;
`;
}

function ruleOwners(schema: string): string {
  const s = quoteIdentifier(schema);
  return `
create type ${s}.owner as (tenant text, user_id bigint, group_id bigint);

create function ${s}.owners_of(owners ${s}.owner[]) returns ${s}.change[] language sql stable set search_path = pg_catalog, pg_temp as $body$
  select coalesce(array_agg(distinct touched.change), '{}') from (
    select row('user', u.tenant, u.username)::${s}.change as change from unnest(owners) o join ${s}.users u on u.id = o.user_id
    union all
    select row('group', g.tenant, g.name)::${s}.change from unnest(owners) o join ${s}.groups g on g.id = o.group_id
    union all
    select row('tenant', o.tenant, '')::${s}.change from unnest(owners) o where o.user_id is null and o.group_id is null
  ) touched
$body$;
revoke all on function ${s}.owners_of(${s}.owner[]) from public;
`;
}

/** Always, also where somebody has switched triggers off for his session (`session_replication_role`), as restores do. */
function tableTriggers(schema: string): string {
  const s = quoteIdentifier(schema);
  const lines: string[] = [];
  const add = (name: string, table: string, when: string, what: string) => {
    lines.push(`create trigger ${name} ${when} on ${s}.${table} ${what}();`, `alter table ${s}.${table} enable always trigger ${name};`);
  };
  for (const table of WATCHED_TABLES) {
    const each = `for each statement execute function ${s}.note_${table}`;
    add('lock_state', table, 'before insert or update or delete or truncate', `for each statement execute function ${s}.lock_state`);
    add('note_insert', table, 'after insert', `referencing new table as new_rows ${each}`);
    add('note_update', table, 'after update', `referencing old table as old_rows new table as new_rows ${each}`);
    add('note_delete', table, 'after delete', `referencing old table as old_rows ${each}`);
    add('note_truncate', table, 'after truncate', `for each statement execute function ${s}.note_truncation`);
  }
  add('fill_membership', 'memberships', 'before insert or update', `for each row execute function ${s}.fill_membership`);
  return `${lines.join('\n')}\n`;
}

/** The tables whose changes are announced. */
export const WATCHED_TABLES = ['users', 'groups', 'memberships', 'rules'] as const;
/** The triggers that each of them has. */
export const WATCHED_TRIGGERS = ['lock_state', 'note_insert', 'note_update', 'note_delete', 'note_truncate'] as const;
