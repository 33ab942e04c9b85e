/** Checks of parameters at the receiving end, one schema a method. */

import * as v from 'valibot'

import type { DaemonApi } from './api.ts'
import { LbmError } from './errors.ts'
import { proxyOptions } from './proxy-schemas.ts'
import { PROXY_KINDS } from './proxy.ts'
import {
  appRecord,
  appSpec,
  balance,
  balanceChange,
  count,
  durationMs,
  env,
  instanceState,
  path,
  signalName,
  text,
  word,
} from './record-schemas.ts'
import type { Api, Implementation, Methods, ParamsOf } from './rpc.ts'
import type { SupervisorApi } from './supervisor.ts'

export type Schemas<A extends Api> = {
  [M in keyof A]: v.GenericSchema<unknown, ParamsOf<A, M>>
}

const nothing = v.optional(v.strictObject({}), {})
const selectors = v.pipe(v.array(word), v.minLength(1, 'at least one selector'))
const selected = v.object({ selectors })
// `record` wants a schema that it sees to be of strings.
const settingName = v.pipe(
  v.string(),
  v.regex(/^[^\0\n]{1,200}$/, '1 to 200 characters on one line'),
)
const ids = v.array(count)
const awaitReply = v.exactOptional(v.object({ action: text, timeoutMs: durationMs }))
const requester = v.picklist([
  'command',
  'watch',
  'cron',
  'memory',
  'hang',
  'probe',
  'reload',
  'scale',
  'listen-timeout',
  'max-requests',
  'max-age',
  'shutdown',
  'upgrade',
  'start-failed',
])
const definitions = {
  env: v.exactOptional(env),
  specs: v.exactOptional(v.array(appSpec)),
}

export const daemonSchemas: Schemas<DaemonApi> = {
  'daemon.ping': nothing,
  'daemon.kill': nothing,
  'daemon.handover': nothing,
  'daemon.upgradeSupervisors': nothing,
  'app.list': nothing,
  'app.rows': nothing,
  'app.describe': v.object({ selectors, reveal: v.exactOptional(v.boolean()) }),
  'app.start': v.object({ spec: appSpec, force: v.boolean(), wait: v.boolean() }),
  'app.startExisting': v.object({ selectors, wait: v.boolean() }),
  'app.stop': selected,
  'app.restart': v.object({ selectors, wait: v.boolean(), rolling: v.boolean(), ...definitions }),
  'app.reload': v.object({
    selectors,
    supersede: v.boolean(),
    rollback: v.boolean(),
    ...definitions,
  }),
  'app.abortReload': v.object({ selectors, undo: v.boolean() }),
  'app.define': v.object({ app: word, spec: appSpec }),
  'app.delete': selected,
  'app.scale': v.object({ selector: word, to: text, wait: v.boolean() }),
  'app.signal': v.object({ selectors, signal: signalName }),
  'app.reset': selected,
  'app.balance': v.object({ selectors, balance: balanceChange }),
  'app.send': v.object({ id: count, line: text }),
  'app.message': v.object({ selectors, message: v.unknown(), awaitReply }),
  'app.flush': selected,
  'logs.reopen': nothing,
  'events.subscribe': selected,
  'proxy.configure': v.object({
    kind: v.picklist(PROXY_KINDS),
    selectors,
    options: proxyOptions,
    out: v.exactOptional(path),
    action: v.picklist(['print', 'check', 'write', 'apply']),
    force: v.boolean(),
  }),
  'proxy.status': nothing,
  'proxy.off': v.object({ selectors, force: v.boolean() }),
  'state.save': v.object({ force: v.boolean() }),
  'state.clear': nothing,
  'settings.read': nothing,
  'settings.write': v.object({ changes: v.record(settingName, v.nullable(text)) }),
  'state.resurrect': v.object({ wait: v.boolean() }),
}

const instances = { key: word, ids }

export const supervisorSchemas: Schemas<SupervisorApi> = {
  'supervisor.snapshot': nothing,
  'app.put': v.object({ record: appRecord, known: v.exactOptional(v.array(instanceState)) }),
  'app.drop': v.object({ key: word }),
  'app.reload': v.object({ key: word, spec: appSpec, by: requester, supersede: v.boolean() }),
  'app.abortReload': v.object({ key: word, undo: v.boolean() }),
  'app.balance': v.object({ key: word, balance }),
  'instances.start': v.object({ ...instances, wait: v.boolean(), rollBack: v.boolean() }),
  'instances.stop': v.object({ ...instances, by: requester }),
  'instances.restart': v.object({
    ...instances,
    by: requester,
    wait: v.boolean(),
    rolling: v.boolean(),
  }),
  'instances.remove': v.object({ ...instances, by: requester }),
  'instances.signal': v.object({ ...instances, signal: signalName }),
  'instances.reset': v.object(instances),
  'instances.stdin': v.object({ key: word, id: count, line: text }),
  'instances.message': v.object({ ...instances, message: v.unknown(), awaitReply }),
  'logs.flush': v.object({ key: word }),
  'logs.reopen': v.object({ key: v.exactOptional(word) }),
  'supervisor.upgrade': v.object({ program: word }),
  'supervisor.shutdown': nothing,
}

/** Wraps each method so that it only ever sees parameters of its type. */
export function checkedMethods<A extends Api>(
  schemas: Schemas<A>,
  implementation: Implementation<A>,
): Methods {
  const methods: Methods = {}
  for (const name of Object.keys(implementation) as (keyof A & string)[]) {
    methods[name] = (params) => implementation[name](checkParams(name, schemas[name], params))
  }
  return methods
}

/** @throws LbmError BAD_REQUEST that names the method and the key */
export function checkParams<T>(
  method: string,
  schema: v.GenericSchema<unknown, T>,
  params: unknown,
): T {
  const result = v.safeParse(schema, params, { abortEarly: true })
  if (result.success) return result.output
  throw new LbmError('BAD_REQUEST', `${method}: ${describeIssue(result.issues[0])}`)
}

/** `spec.killTimeoutMs: expected number, got "soon"`. Values below `env` stay out of messages. */
export function describeIssue(issue: v.BaseIssue<unknown>): string {
  const place = v.getDotPath(issue)
  // A check's message says what it wants; a type's expectation does.
  const wanted = issue.kind === 'validation' ? issue.message : (issue.expected ?? issue.message)
  const isSecret = place !== null && /(^|\.)env(\.|$)/.test(place)
  const got = isSecret ? '' : `, got ${issue.received.slice(0, 60)}`
  return `${place ?? 'parameters'}: expected ${wanted}${got}`
}
