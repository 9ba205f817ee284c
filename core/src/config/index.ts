export { controlSocket } from './control-socket.js';
export { type LoadableEntry, loadableEntries, type ParsedFile, parseConfigFile, type Validated, validateDocument } from './load.js';
export { type PluginConfigResult, validatePluginConfig } from './plugin-config.js';
export { type DescribedPlugin, printableSchema } from './printable-schema.js';
export { type Problem, pathText, sortProblems } from './problem.js';
export type {
  BreakerConfig,
  ChainConfig,
  ConfigDocument,
  ListenerConfig,
  PluginConfig,
  PortcullisConfig,
  SessionsConfig,
  TenantConfig,
  TenantExportConfig,
  TenantRuleConfig,
} from './types.js';
