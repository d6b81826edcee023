import type { Client } from "pg";

/**
 * The whole schema `public` as text, the same for the same schema on every PostgreSQL from 15: tables with columns,
 * constraints, indexes, policies and grants, and functions. Partitions are left out: they come with time, and are their
 * tables' likenesses.
 */
export async function schemaText(client: Client): Promise<string> {
  const lines: string[] = [];
  for (const table of await rows(client, tables)) {
    lines.push("", `table ${table["name"]}${table["partitioned"]}${table["rls"]}`);
    for (const part of [columns, constraints, indexes, policies, grants, columnGrants]) {
      for (const row of await rows(client, part, [table["oid"]])) lines.push(`  ${row["line"]}`);
    }
  }
  for (const row of await rows(client, functions)) lines.push("", String(row["line"]));
  return `${lines.join("\n").trim()}\n`;
}

async function rows(client: Client, text: string, values: unknown[] = []): Promise<Record<string, string>[]> {
  return (await client.query(text, values)).rows as Record<string, string>[];
}

const tables = `
  select oid, relname as name,
         case when relkind = 'p' then ' partition by ' || pg_get_partkeydef(oid) else '' end as partitioned,
         case when relforcerowsecurity and relrowsecurity then ' (row-level security forced)' when relrowsecurity then ' (row-level security)' else '' end as rls
    from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition order by relname`;

const columns = `
  select format('column %s %s%s%s', attname, format_type(atttypid, atttypmod), case when attnotnull then ' not null' else '' end,
                coalesce(case attgenerated when '' then ' default ' else ' generated ' end || pg_get_expr(adbin, adrelid), '')) as line
    from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
   where attrelid = $1 and attnum > 0 and not attisdropped order by attnum`;

// Since 18 every NOT NULL is a constraint with a name; the column says it already.
const constraints = `
  select format('constraint %s %s', conname, pg_get_constraintdef(oid)) as line
    from pg_constraint where conrelid = $1 and contype <> 'n' and conparentid = 0 order by conname`;

const indexes = `
  select pg_get_indexdef(indexrelid) as line from pg_index
   where indrelid = $1 and not exists (select from pg_constraint where conindid = indexrelid and conrelid = $1 and contype in ('p', 'u', 'x')) order by indexrelid::regclass::text`;

const policies = `
  select format('policy %s for %s to %s%s%s', polname, case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
                (select string_agg(case role when 0 then 'public' else pg_get_userbyid(role) end, ', ') from unnest(polroles) as role),
                ' using ' || pg_get_expr(polqual, polrelid), ' with check ' || pg_get_expr(polwithcheck, polrelid)) as line
    from pg_policy where polrelid = $1 order by polname`;

const grants = `
  select format('grant %s to %s', string_agg(lower(privilege_type), ', ' order by privilege_type), case grantee when 0 then 'public' else pg_get_userbyid(grantee) end) as line
    from pg_class, aclexplode(relacl) where oid = $1 and grantee <> relowner group by grantee order by 1`;

const columnGrants = `
  select format('grant %s (%s) to %s', lower(privilege_type), string_agg(attname, ', ' order by attnum), case grantee when 0 then 'public' else pg_get_userbyid(grantee) end) as line
    from pg_attribute, aclexplode(attacl) where attrelid = $1 group by privilege_type, grantee order by 1`;

const functions = `
  select format(E'function %s(%s) returns %s language %s %s%s\\n%s', proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), lanname,
                case provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
                case when prosecdef then ' security definer' else '' end, prosrc) as line
    from pg_proc p join pg_language l on l.oid = prolang
   where pronamespace = 'public'::regnamespace and not exists (select from pg_depend where objid = p.oid and deptype = 'e') order by proname`;
