/** valibot schemas of what is stored and sent: apps, slots, instances. Unknown keys are dropped. */

import * as v from 'valibot'

import {
  type AppRecord,
  type AppSpec,
  BALANCE_POLICIES,
  type BalanceSpec,
  OVERLAPS,
  type ProbeSpec,
} from './app.ts'
import type { InstanceState } from './instance.ts'
import { proxyOptions, slots } from './proxy-schemas.ts'

type SchemaOf<T> = v.GenericSchema<unknown, T>

/** No system call takes a NUL, and a child that cannot be spawned would be found out late. */
export const text: SchemaOf<string> = v.pipe(
  v.string(),
  v.check((value) => !value.includes('\0'), 'text without NUL'),
)
export const word: SchemaOf<string> = v.pipe(
  v.string(),
  v.regex(/^[^\0\n]{1,200}$/, '1 to 200 characters on one line'),
)
export const path: SchemaOf<string> = v.pipe(v.string(), v.regex(/^\/[^\0]*$/, 'an absolute path'))
export const count: SchemaOf<number> = v.pipe(
  v.number(),
  v.integer('a whole number'),
  v.minValue(0, '0 or more'),
)
export const durationMs: SchemaOf<number> = v.pipe(
  v.number(),
  v.finite('a finite number'),
  v.minValue(0, '0 or more'),
)
export const signalName: SchemaOf<string> = v.pipe(
  v.string(),
  v.regex(/^SIG[A-Z0-9+-]{2,12}$/, 'the name of a signal such as SIGUSR2'),
)
const finite = v.pipe(v.number(), v.finite('a finite number'))
const unknowns = v.record(v.string(), v.unknown())

export const env: SchemaOf<Record<string, string>> = v.record(
  v.pipe(v.string(), v.regex(/^[^=\0]+$/, 'a name of a variable')),
  text,
)

const balanceEntries = {
  policy: v.picklist(BALANCE_POLICIES),
  weights: v.array(durationMs),
  stickyCookie: v.exactOptional(word),
  stickyHeader: v.exactOptional(word),
  stickyQuery: v.exactOptional(word),
  queueTimeoutMs: durationMs,
  proxyProtocol: v.boolean(),
}
export const balance: SchemaOf<BalanceSpec> = v.object(balanceEntries)
export const balanceChange: SchemaOf<Partial<BalanceSpec>> = v.object({
  ...balanceEntries,
  policy: v.exactOptional(balanceEntries.policy),
  weights: v.exactOptional(balanceEntries.weights),
  queueTimeoutMs: v.exactOptional(durationMs),
  proxyProtocol: v.exactOptional(v.boolean()),
})

const port = v.exactOptional(v.pipe(count, v.maxValue(65_535, 'at most 65535')))
const probe: SchemaOf<ProbeSpec> = v.object({
  http: v.exactOptional(
    v.object({
      path: text,
      port,
      status: v.array(count),
      scheme: v.exactOptional(v.picklist(['http', 'https'])),
    }),
  ),
  tcp: v.exactOptional(v.object({ port })),
  exec: v.exactOptional(v.object({ command: v.array(text) })),
  initialDelayMs: durationMs,
  periodMs: durationMs,
  timeoutMs: durationMs,
  failureThreshold: count,
  successThreshold: count,
})
const hook = v.exactOptional(
  v.object({
    command: v.exactOptional(v.array(text)),
    url: v.exactOptional(text),
    timeoutMs: durationMs,
  }),
)

const logs = v.object({
  outFile: v.exactOptional(path),
  errorFile: v.exactOptional(path),
  combinedFile: v.exactOptional(v.union([path, v.literal(true)])),
  merge: v.boolean(),
  dateFormat: v.exactOptional(text),
  type: v.picklist(['raw', 'json', 'prefixed', 'pairs']),
  disabled: v.boolean(),
  maxSizeBytes: count,
  maxFiles: count,
  rotateIntervalMs: v.exactOptional(durationMs),
  compress: v.boolean(),
})

const watch = v.object({
  paths: v.array(path),
  ignore: v.array(text),
  delayMs: durationMs,
  extensions: v.array(text),
  usePolling: v.boolean(),
})

const envReferences = v.object({
  files: v.array(path),
  values: v.record(v.string(), v.object({ template: v.string(), shell: v.array(v.string()) })),
})

export const appSpec: SchemaOf<AppSpec> = v.object({
  name: word,
  namespace: word,
  version: text,
  username: text,
  script: path,
  realScript: v.exactOptional(path),
  command: v.exactOptional(text),
  args: v.array(text),
  cwd: path,
  realCwd: v.exactOptional(path),
  interpreter: v.exactOptional(path),
  interpreterName: text,
  interpreterArgs: v.array(text),
  runtime: v.picklist(['node', 'other']),
  nodeVersion: v.exactOptional(text),
  job: v.exactOptional(v.object({ overlap: v.picklist(OVERLAPS) })),
  mode: v.picklist(['fork', 'cluster']),
  instances: count,
  instancesGiven: v.boolean(),
  env,
  envSources: v.record(v.string(), v.string()),
  envReferences: v.exactOptional(envReferences),
  instanceVar: word,
  incrementVar: v.exactOptional(word),
  autostart: v.boolean(),
  autorestart: v.boolean(),
  restart: v.picklist(['always', 'on-failure', 'never']),
  maxRestarts: v.exactOptional(count),
  minUptimeMs: durationMs,
  restartDelayMs: durationMs,
  expBackoffRestartDelayMs: durationMs,
  stopExitCodes: v.array(finite),
  killTimeoutMs: durationMs,
  killSignal: signalName,
  shutdownWithMessage: v.boolean(),
  treekill: v.boolean(),
  listenTimeoutMs: durationMs,
  waitReady: v.boolean(),
  maxMemoryBytes: v.exactOptional(count),
  hangTimeoutMs: durationMs,
  maxRequests: v.exactOptional(count),
  maxAgeMs: v.exactOptional(durationMs),
  startup: v.exactOptional(probe),
  readiness: v.exactOptional(probe),
  liveness: v.exactOptional(probe),
  balance,
  maxSurge: count,
  reloadMinUptimeMs: durationMs,
  soakMs: durationMs,
  drainIdleMs: durationMs,
  drainTimeoutMs: durationMs,
  spare: count,
  leader: v.boolean(),
  slots: v.exactOptional(slots),
  proxy: v.exactOptional(proxyOptions),
  dependsOn: v.record(v.string(), v.picklist(['started', 'ready', 'completed'])),
  // JSON has no undefined: a definition without the key is one that does not watch.
  watch: v.optional(watch),
  cronRestart: v.exactOptional(text),
  cronTimezone: v.exactOptional(text),
  logs,
  pidFile: v.exactOptional(path),
  uid: v.exactOptional(count),
  gid: v.exactOptional(count),
  hooks: v.object({ onCrash: hook, onReady: hook, onExit: hook }),
  source: v.exactOptional(v.object({ file: text, index: count })),
  raw: unknowns,
}) as SchemaOf<AppSpec>

export const appRecord: SchemaOf<AppRecord> = v.object({
  key: word,
  spec: appSpec,
  previous: v.exactOptional(appSpec),
  slots: v.array(
    v.object({ id: count, number: count, desired: v.picklist(['running', 'stopped']) }),
  ),
  listens: v.boolean(),
  slotBase: v.exactOptional(count),
  createdAt: finite,
  runs: v.exactOptional(
    v.array(
      v.object({
        id: count,
        number: count,
        pid: count,
        startedAtMs: finite,
        durationMs: finite,
        code: v.nullable(finite),
        signal: v.nullable(text),
        result: v.picklist(['completed', 'failed', 'stopped']),
        message: v.exactOptional(text),
      }),
    ),
  ),
})

/** Only the identity is looked into: the rest comes from a process of ours and goes back to one. */
export const instanceState: SchemaOf<InstanceState> = v.looseObject({
  id: count,
  app: word,
  number: count,
  generation: count,
  phase: v.picklist([
    'starting',
    'ready',
    'unready',
    'draining',
    'stopping',
    'backoff',
    'stopped',
    'errored',
  ]),
  pid: count,
  pidStart: finite,
}) as unknown as SchemaOf<InstanceState>
