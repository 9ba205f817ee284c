import { debianTools, type RunningTool, runTool, startTool, type ToolResult } from '../support/debian-tools.js';

/** How to reach the broker, and as whom. */
export interface Login {
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** Protocol versions in the words of mosquitto_sub and mosquitto_pub. */
export const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv5'] as const;
export type Version = (typeof VERSIONS)[number];

export const QOS = [0, 1, 2] as const;

function login({ port, username, password }: Login, version: Version): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-u', username, '-P', password, '-V', version];
}

/** Starts mosquitto_sub and waits until the broker has granted its filter. It prints `QoS retain topic payload` for each message. */
export async function startSub(as: Login, version: Version, args: readonly string[]): Promise<RunningTool> {
  const sub = startTool(debianTools().mosquittoSub, [...login(as, version), '-d', '-F', 'message: %q %r %t %p', ...args]);
  await sub.printed(/^Subscribed \(mid: 1\): [012]/m);
  return sub;
}

/** Runs mosquitto_sub to its end. */
export function sub(as: Login, version: Version, args: readonly string[]): Promise<ToolResult> {
  return runTool(debianTools().mosquittoSub, [...login(as, version), '-d', '-F', 'message: %q %r %t %p', ...args]);
}

/** Publishes one message and waits until the whole exchange of its QoS is over. */
export async function pub(as: Login, version: Version, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runTool(debianTools().mosquittoPub, [...login(as, version), '-d', ...args]);
  if (code !== 0) throw new Error(`mosquitto_pub ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
}

export function pubRaw(as: Login, version: Version, args: readonly string[]): Promise<ToolResult> {
  return runTool(debianTools().mosquittoPub, [...login(as, version), '-d', ...args]);
}

/** The messages in what mosquitto_sub printed. */
export function messages(result: ToolResult): string[] {
  return [...result.stdout.matchAll(/^message: (.*)$/gm)].map(([, text = '']) => text);
}
