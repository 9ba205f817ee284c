export const USAGE = `usage: portcullis-postgres [options] <command>

  init [--grant-to <role>]            make the schema; give a role what the broker needs
  migrate [--grant-to <role>]         bring the schema up to this program's version
  restored                            after a restore from a backup: brokers forget what they knew
  check [--role <role>]               look at everything that would be a fault later

  user add <name> [--group <g>]... [--attribute <k>=<v>]... [--disabled]
  user passwd <name>                  another password; live sessions end
  user disable <name>                 no login any more; live sessions end
  user enable <name>
  user delete <name>                  with memberships and rules
  user list

  group add <name>
  group delete <name>                 with memberships and rules
  group join <group> <user>
  group leave <group> <user>
  group list

  rule add <owner> allow|deny <actions> <pattern> [--qos 0|1|2] [--no-retain]
  rule list [<owner>]
  rule delete <number>
     <owner>    --user <name>, --group <name> or --everybody
     <actions>  publish, subscribe, receive, joined by commas; read is subscribe,receive; write is publish; all is all three
     <pattern>  a topic filter with variables, in quotes: 'site/%u/#'

The database: --url postgres://…, else PORTCULLIS_POSTGRES_URL, else PGHOST, PGUSER, PGPASSWORD … as psql reads them; or
  -c, --config <plugins.json>         the one that the plugin is configured with there; its role can only read, so for changes
                                      PGUSER and PGPASSWORD (or a password file) say who you are
      --plugin <name>                 which entry of it, if there are several
Passwords of users are asked for twice, or read from a pipe, one a line; options:
  -H <format>                         argon2id (default), scrypt, bcrypt, sha512-pbkdf2, sha512
  -b                                  user add, user passwd: the password is the last argument, where other users of the machine can see it
Anywhere:
      --tenant <name>                 default: clients without a tenant
      --schema <name>                 default: portcullis
  -h, --help

Exit status: 0 done, 1 not done, 2 not understood.
`;
