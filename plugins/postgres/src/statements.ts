import { InvalidPluginConfig, MAX_GROUPS } from '@portcullis/sdk';
import { findQuotedPlaceholder } from './scan-statement.js';
import { quoteIdentifier } from './schema/names.js';
import type { Settings } from './settings.js';
import type { TypeName } from './types.js';

/** A column that a statement must, or may, give. */
export interface Column {
  readonly name: string;
  readonly types: readonly TypeName[];
  readonly isOptional?: true;
}

/** A statement that is prepared on every connection. */
export interface Statement {
  /** As options and errors call it. */
  readonly name: string;
  readonly text: string;
  /** How many values it takes, all of them text. */
  readonly parameters: 0 | 1 | 2;
  readonly columns: readonly Column[];
  /**
   * Whether it always gives one row, in which the version stands even when there is nothing else to say; rules then stand in it as a list in JSON,
   * instead of in a row each: reading as many rows would cost many times what reading one text does.
   */
  readonly hasState: boolean;
}

/** All that is asked of the database. */
export interface Statements {
  /** In the schema his own rules come with him: nearly everybody who comes in needs both, and one question costs the broker half of what two do. */
  readonly user: Statement;
  /** Own rules where they do not come with the user. */
  readonly rules: Statement | null;
  readonly groupRules: Statement | null;
  readonly everybodyRules: Statement | null;
  /** Version of all data; null for tables of one's own that have none. */
  readonly state: Statement | null;
}

/** Most rules of one user, of one group, and of everybody. More are a fault and never cut. */
export const MAX_RULES = 10_000;

/** Attributes of more are none: a text in their place, which is a fault of that user and needs no room. */
const MAX_ATTRIBUTES_BYTES = 4 * 1024 * 1024;
/**
 * The same for rules that come in one answer, by what their patterns take: a stranger who knows a name has this user read, so what is long must take
 * neither the time of a statement nor more than one answer may be.
 */
export const MAX_RULES_BYTES = 4 * 1024 * 1024;
/** Of those that are not too long, the text that is made: what JSON has to escape takes up to six times as much in it. */
const MAX_RULES_TEXT_BYTES = 8 * 1024 * 1024;
/** What stands in the place of those. */
export const TOO_LONG = 'too long';
/** No usable hash is longer: of one that is, as much is read as shows that. */
const MAX_HASH_CHARACTERS = 1024;

const column = (name: string, ...types: TypeName[]): Column => ({ name, types });
const optional = (name: string, ...types: TypeName[]): Column => ({ name, types, isOptional: true });

const USER_COLUMNS = [column('username', 'text'), column('password_hash', 'text')];
const USER_DETAILS: [string, TypeName][] = [
  ['enabled', 'boolean'],
  ['groups', 'text[]'],
  ['attributes', 'json'],
];
const RULE_COLUMNS = [column('effect', 'text'), column('actions', 'text[]'), column('pattern', 'text')];
const RULE_DETAILS: [string, TypeName][] = [
  ['max_qos', 'integer'],
  ['retain', 'boolean'],
];
const OPTIONAL_STATE = [optional('version', 'integer'), optional('epoch', 'text', 'uuid')];
const STATE = [column('version', 'integer'), column('epoch', 'uuid'), optional('stamp', 'text')];
/** What stands of each rule where rules are a list, in this order. */
export const LISTED_RULE = ['id', 'effect', 'actions', 'pattern', 'max_qos', 'retain'] as const;
/** What was asked for, said again: an answer that lands with another question is not taken for its own. */
const ECHO_TENANT = column('asked_tenant', 'text');
const ECHO_NAME = column('asked_name', 'text');

/** The statements of a configuration. Throws `InvalidPluginConfig` for one of the administrator's that cannot be right. */
export function statementsOf({ queries, schema, replicas }: Settings): Statements {
  return queries === null ? schemaStatements(schema, replicas.length > 0) : ownStatements(queries);
}

/** Everything is read beside the state, so that each answer, also "there is none", says how new it is, from one snapshot. */
function schemaStatements(schema: string, hasReplicas: boolean): Statements {
  const s = quoteIdentifier(schema);
  // When the newest change was made: two histories may have the same number of changes, and not the same ones. All rows of a version say the same.
  const stamp = hasReplicas ? `(select extract(epoch from c.at)::text from ${s}.changes c where c.version = s.version limit 1)` : 'null::text';
  const state = `s.version, s.epoch, ${stamp} as stamp`;
  const rules = column('rules', 'text');
  const userColumns = [...USER_COLUMNS, ...USER_DETAILS.map(([name, type]) => column(name, type)), rules, ...STATE, ECHO_TENANT, ECHO_NAME];
  // As text: it is read when somebody asks for the rules, and takes far less memory until then.
  const tooLong = `'"${TOO_LONG}"'`;
  const fields = LISTED_RULE.map((name) => `o.${name}`).join(', ');
  const listOf = (from: string): string => {
    const first = `select r.* from ${from} order by r.id limit ${MAX_RULES + 1}`;
    const measured = `select f.*, sum(octet_length(f.pattern)) over () > ${MAX_RULES_BYTES} as is_too_long from (${first}) f`;
    const list = `select case when bool_or(o.is_too_long) then ${tooLong} else (json_agg(json_build_array(${fields}) order by o.id) filter (where not o.is_too_long))::text end as text from (${measured}) o`;
    return `(select case when octet_length(l.text) > ${MAX_RULES_TEXT_BYTES} then ${tooLong} else l.text end from (${list}) l) as rules`;
  };
  return {
    user: {
      name: 'user',
      parameters: 2,
      columns: userColumns,
      hasState: true,
      text: `select $1::text as asked_tenant, $2::text as asked_name, u.username, left(u.password_hash, ${MAX_HASH_CHARACTERS + 1}) as password_hash, u.enabled, case when octet_length(u.attributes::text) > ${MAX_ATTRIBUTES_BYTES} then ${tooLong}::jsonb else u.attributes end as attributes, array(select g.name from ${s}.memberships m join ${s}.groups g on g.id = m.group_id where m.user_id = u.id order by g.name limit ${MAX_GROUPS + 1}) as groups, ${listOf(`${s}.rules r where r.user_id = u.id`)}, ${state} from ${s}.state s left join ${s}.users u on u.tenant = $1 and u.username = $2 limit 2`,
    },
    rules: null,
    groupRules: {
      name: 'groupRules',
      parameters: 2,
      columns: [rules, ...STATE, ECHO_TENANT, ECHO_NAME],
      hasState: true,
      text: `select $1::text as asked_tenant, $2::text as asked_name, ${listOf(`${s}.groups g join ${s}.rules r on r.group_id = g.id where g.tenant = $1 and g.name = $2`)}, ${state} from ${s}.state s limit 2`,
    },
    everybodyRules: {
      name: 'everybodyRules',
      parameters: 1,
      columns: [rules, ...STATE, ECHO_TENANT],
      hasState: true,
      text: `select $1::text as asked_tenant, ${listOf(`${s}.rules r where r.tenant = $1 and r.user_id is null and r.group_id is null`)}, ${state} from ${s}.state s limit 2`,
    },
    state: { name: 'state', parameters: 0, columns: STATE, hasState: true, text: `select ${state} from ${s}.state s limit 2` },
  };
}

function ownStatements(queries: NonNullable<Settings['queries']>): Statements {
  // Numbers that nobody can compare with the version of all data say nothing.
  const state = queries.version === undefined ? [] : OPTIONAL_STATE;
  const ruleColumns = [
    optional('id', 'text', 'integer', 'uuid'),
    ...RULE_COLUMNS,
    ...RULE_DETAILS.map(([name, type]) => optional(name, type)),
    ...state,
  ];
  const own = (name: keyof typeof queries, parameters: 0 | 1 | 2, columns: readonly Column[], rows: number): Statement | null => {
    const text = queries[name];
    return text === undefined ? null : { name, parameters, columns, hasState: false, text: wrap(name, text, rows) };
  };
  const userColumns = [...USER_COLUMNS, ...USER_DETAILS.map(([name, type]) => optional(name, type)), ...state];
  return {
    user: { name: 'user', parameters: 2, columns: userColumns, hasState: false, text: wrap('user', queries.user, 2) },
    rules: own('rules', 2, ruleColumns, MAX_RULES + 1),
    groupRules: own('groupRules', 2, ruleColumns, MAX_RULES + 1),
    everybodyRules: own('everybodyRules', 1, ruleColumns, MAX_RULES + 1),
    state: own('version', 0, [column('version', 'integer'), optional('epoch', 'text', 'uuid')], 2),
  };
}

/** As a part of another statement: its rows are bounded, and it can neither be two statements nor one that writes. */
function wrap(name: string, text: string, rows: number): string {
  const quoted = findQuotedPlaceholder(text);
  if (quoted !== null) {
    throw new InvalidPluginConfig(
      `queries.${name}: a placeholder within quotes is text and is never filled in: ${quoted.slice(0, 80)}; write it without quotes`,
    );
  }
  return `select q.* from (\n${text.replace(/;\s*$/, '')}\n) q limit ${rows}`;
}
