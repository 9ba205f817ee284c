export const USAGE = `usage: portcullis-redis [options] <command>

  user add <name> [--group <g>]... [--attribute <k>=<v>]... [--disabled] [--no-password]
  user passwd <name>                  another password; live sessions end
  user disable <name>                 no login any more; live sessions end
  user enable <name>
  user delete <name>
  user show <name>
  user list

  group add <name>
  group delete <name>                 refused while users are in it
  group join <group> <user>
  group leave <group> <user>
  group list

  rule add <owner> allow|deny <actions> <pattern> [--qos 0|1|2] [--no-retain]
  rule list <owner>
  rule delete <owner> <number>        the number that rule list shows
     <owner>    --user <name>, --group <name> or --everybody
     <actions>  publish, subscribe, receive, joined by commas; read is subscribe,receive; write is publish; all is all three
     <pattern>  a topic filter with variables, in quotes: 'site/%u/#'

  restored                            after a restore, or to accept what a failover has left: brokers read everything again
  check                               look at the server, and at every key that would be a fault

The server: --url <address>, else PORTCULLIS_REDIS_URL, else redis://127.0.0.1:6379
     redis://[user[:password]@]host[:port][/database]          rediss:// for TLS, with a certificate that is verified
     redis+sentinel://host:port,host:port/name[/database]      rediss+sentinel:// for TLS
     redis+cluster://host:port,host:port                       rediss+cluster:// for TLS
      PORTCULLIS_REDIS_PASSWORD, PORTCULLIS_REDIS_SENTINEL_PASSWORD: passwords that are in no address
      --ca <file> --cert <file> --key <file> --servername <name>    of TLS
Passwords of users are asked for twice, or read from a pipe, one a line; options:
  -H <format>                         argon2id (default), scrypt, bcrypt, sha512-pbkdf2, sha512
  -b                                  user add, user passwd: the password is the last argument, where other users of the machine can see it;
                                      an --url with a password needs it as well
Anywhere:
      --tenant <name>                 default: clients without a tenant
      --prefix <text>                 default: portcullis
  -h, --help

Exit status: 0 done, 1 not done, 2 not understood.
`;
