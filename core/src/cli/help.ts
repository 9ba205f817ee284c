export const HELP = `portcullis: an MQTT broker that falls shut

  portcullis [serve] [-c FILE] [--quickstart]   run the broker
  portcullis check   [-c FILE] [--probe]        judge the configuration and load its plugins, start nothing
  portcullis schema  [-c FILE]                  print the JSON Schema of the configuration, for editors
  portcullis reload  [-c FILE] [--json]         have the running broker read the configuration again, and say what became of it
  portcullis status  [-c FILE] [--json]         say how the running broker is
  portcullis explain --help                     say how the running broker would decide about a client, and why
  portcullis session --help                     list the sessions of the running broker, or release one
  portcullis plugin new NAME                    make the package of a new plugin, in a folder of that name

  -c, --config FILE   the configuration file (default: plugins.json)
  --quickstart        make the configuration, an administrator and rights if they are missing
  --probe             also start the plugins, which connect to their backends, and stop them again
  --socket PATH       the control socket of the running broker, instead of the one that the configuration names
  --json              one line of JSON instead of text
  --version           print the version
  -h, --help          print this

Environment: PORTCULLIS_PORT and PORTCULLIS_WS_PORT set the port of the first mqtt:// and the first ws:// listener, not of mqtts:// and wss://.
Exit status: 0 all is well, 1 it is not (nothing was started, the reload was refused), 2 the command line is wrong, 3 no broker answers.`;
