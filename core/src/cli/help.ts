export const HELP = `portcullis: an MQTT broker that falls shut

  portcullis [serve] [-c FILE] [--quickstart]   run the broker
  portcullis check   [-c FILE]                  judge the configuration and load its plugins, start nothing
  portcullis schema  [-c FILE]                  print the JSON Schema of the configuration, for editors
  portcullis plugin new NAME                    make the package of a new plugin, in a folder of that name

  -c, --config FILE   the configuration file (default: plugins.json)
  --quickstart        make the configuration, an administrator and rights if they are missing
  --version           print the version
  -h, --help          print this

Environment: PORTCULLIS_PORT and PORTCULLIS_WS_PORT set the port of the first mqtt:// and the first ws:// listener, not of mqtts:// and wss://.
Exit status: 0 all is well, 1 it is not, 2 the command line is wrong.`;
