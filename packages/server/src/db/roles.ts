import type { Client } from "pg";
import type { Log } from "#log";

/** Roles that transactions run under. Nobody signs in as them. */
export const roles = ["earwitness_app", "earwitness_search", "earwitness_system", "earwitness_log", "earwitness_pending", "earwitness_erase"] as const;

/** Throws, saying what to do, when the login role could not make what migrations and the job queue make. */
export async function checkRights(client: Client, log: Log): Promise<void> {
  const { rows } = await client.query(
    `select current_user as me, current_database() as database, rolsuper or rolbypassrls as above,
            has_schema_privilege(current_user, 'public', 'create') and has_database_privilege(current_user, current_database(), 'create') as may
       from pg_roles where rolname = current_user`,
  );
  const [{ me, database, above, may }] = rows;
  if (!may) throw new Error(`the database role ${me} may not create in the database ${database}. As a superuser, once: alter database ${client.escapeIdentifier(database)} owner to ${client.escapeIdentifier(me)}`);
  if (above) log.warn({ role: me }, "the database role stands above row-level security; an ordinary owner of the database with CREATEROLE is safer");
}

/**
 * Makes the roles and lets the login role change into them without inheriting from them: a policy for a role holds for
 * everyone who inherits it, and the search role's is open (core decision 2).
 *
 * Works for a superuser and for an ordinary owner with CREATEROLE; an owner without it needs the roles made beforehand.
 */
export async function ensureRoles(client: Client): Promise<void> {
  const me = await whoAmI(client);
  for (const role of roles) {
    if (!(await exists(client, role))) await make(client, role, me);
    if (!me.superuser && !(await maySet(client, role, me))) await grant(client, role, me);
  }
  if (me.superuser) return; // may change into any role, and stands above policies in any case
  // Before 16 inheriting is a property of the login role, after that of each membership.
  if (me.version < 160_000) {
    await keepSchemaRights(client, me);
    if (me.inherits) await tryOrTell(me, client.query(`alter role ${client.escapeIdentifier(me.name)} noinherit`));
  }
  for (const role of roles) {
    const { rows } = await client.query("select pg_has_role(current_user, $1, 'usage') as inherits", [role]);
    if (rows[0].inherits) throw new Error(`the database role ${me.name} inherits ${role}, which would open every tenant's rows to it: revoke that membership, or make ${me.name} NOINHERIT`);
  }
}

/** A database's owner may create in `public` by inheriting from pg_database_owner; without inheriting it needs the right itself. */
async function keepSchemaRights(client: Client, me: Me): Promise<void> {
  const { rows } = await client.query(
    `select has_schema_privilege(current_user, 'public', 'create') and not (rolinherit and pg_has_role(current_user, 'pg_database_owner', 'member')) as has,
            pg_has_role(current_user, 'pg_database_owner', 'member') as owner
       from pg_roles where rolname = current_user`,
  );
  const [{ has, owner }] = rows;
  if (has || !owner) return;
  await client.query("set role pg_database_owner");
  await client.query(`grant usage, create on schema public to ${client.escapeIdentifier(me.name)}`);
  await client.query("reset role");
}

interface Me {
  readonly name: string;
  readonly superuser: boolean;
  readonly createsRoles: boolean;
  readonly inherits: boolean;
  readonly version: number;
}

async function whoAmI(client: Client): Promise<Me> {
  const { rows } = await client.query(
    `select rolname, rolsuper, rolcreaterole, rolinherit, current_setting('server_version_num')::int as version
       from pg_roles where rolname = current_user`,
  );
  const [row] = rows;
  return { name: row.rolname, superuser: row.rolsuper, createsRoles: row.rolcreaterole, inherits: row.rolinherit, version: row.version };
}

async function exists(client: Client, role: string): Promise<boolean> {
  return (await client.query("select from pg_roles where rolname = $1", [role])).rowCount === 1;
}

async function make(client: Client, role: string, me: Me): Promise<void> {
  if (!me.superuser && !me.createsRoles) throw new Error(whatToDo(me));
  // Roles belong to the whole server: another database's migration may make the same one at the same moment.
  await client.query(`do $$ begin create role ${role} nologin; exception when duplicate_object or unique_violation then null; end $$`);
}

async function maySet(client: Client, role: string, me: Me): Promise<boolean> {
  // On 15 a member may always change into the role; since 16 membership with ADMIN alone, as CREATE ROLE gives it, does not suffice.
  const { rows } = await client.query("select pg_has_role(current_user, $1, $2) as may", [role, me.version < 160_000 ? "member" : "set"]);
  return rows[0].may;
}

async function grant(client: Client, role: string, me: Me): Promise<void> {
  await tryOrTell(me, client.query(`grant ${role} to ${client.escapeIdentifier(me.name)}${options(me)}`));
}

/** Since 16 a membership says itself whether it inherits and whether one may change into the role. */
const options = (me: Me): string => (me.version < 160_000 ? "" : " with inherit false, set true");

async function tryOrTell(me: Me, statement: Promise<unknown>): Promise<void> {
  try {
    await statement;
  } catch (error) {
    throw new Error(whatToDo(me), { cause: error });
  }
}

function whatToDo(me: Me): string {
  const create = roles.map((role) => `create role ${role} nologin; grant ${role} to ${me.name}${options(me)};`);
  const noinherit = me.version < 160_000 ? [`alter role ${me.name} noinherit;`] : [];
  return [`the database role ${me.name} may not make the roles that Earwitness works under. As a superuser, once:`, ...create, ...noinherit].join("\n  ");
}
