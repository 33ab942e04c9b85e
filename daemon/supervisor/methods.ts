/** What a supervisor serves to the daemon. */

import { LbmError } from '../../src/contract/errors.ts'
import type { Implementation } from '../../src/contract/rpc.ts'
import type { SupervisorApi } from '../../src/contract/supervisor.ts'
import type { AppHost, HostDeps } from './app-host-port.ts'
import { createAppHost } from './app-host.ts'
import type { AppMessages } from './app-messages.ts'
import type { OwnedInstance } from './ownership-file.ts'
import { NO_ID } from './spares/spare-process.ts'

export interface MethodsOptions {
  id: string
  version: string
  hosts: Map<string, AppHost>
  deps: HostDeps
  messages: AppMessages
  shutDown: () => Promise<void>
  upgrade: (program: string) => Promise<{ pid: number }>
}

export function supervisorMethods({
  id,
  version,
  hosts,
  deps,
  messages,
  shutDown,
  upgrade,
}: MethodsOptions): Implementation<SupervisorApi> {
  function host(key: string): AppHost {
    const found = hosts.get(key)
    if (found === undefined)
      throw new LbmError('APP_NOT_FOUND', `This supervisor has no app "${key}".`)
    return found
  }

  const signalled = (key: string, ids: readonly number[], signal: string): number[] =>
    ids.filter(
      (one) =>
        host(key)
          .runner(one)
          .child()
          ?.signal(signal as NodeJS.Signals) === true,
    )

  return {
    'supervisor.snapshot': () => ({
      id,
      version,
      apps: [...hosts.values()].map((app) => ({ record: app.record(), instances: app.reports() })),
    }),
    'app.put': ({ record, known = [] }) => {
      const existing = hosts.get(record.key)
      if (existing === undefined) hosts.set(record.key, createAppHost(record, known, deps))
      else existing.put(record, known)
      return { instances: host(record.key).reports() }
    },
    'app.drop': async ({ key }) => {
      const app = hosts.get(key)
      const outcomes = app === undefined ? [] : await app.close('command')
      hosts.delete(key)
      return { outcomes }
    },
    'app.reload': ({ key, spec, by, supersede }) => host(key).reload({ spec, by, supersede }),
    'app.abortReload': ({ key, undo }) => ({
      aborted: host(key).abortReload({ undo, message: 'called off' }),
    }),
    'app.balance': ({ key, balance }) => {
      const app = host(key)
      const record = app.record()
      app.put({ ...record, spec: { ...record.spec, balance } }, [])
      return {}
    },
    'instances.start': async ({ key, ids, wait, rollBack }) => ({
      outcomes: await host(key).start(ids, { wait, rollBack }),
    }),
    'instances.stop': async ({ key, ids, by }) => ({ outcomes: await host(key).stop(ids, by) }),
    'instances.restart': async ({ key, ids, by, wait, rolling }) => ({
      outcomes: await host(key).restart(ids, { by, wait, rolling }),
    }),
    'instances.remove': async ({ key, ids, by }) => ({ outcomes: await host(key).remove(ids, by) }),
    'instances.signal': ({ key, ids, signal }) => ({ signalled: signalled(key, ids, signal) }),
    'instances.reset': ({ key, ids }) => {
      for (const one of ids) host(key).runner(one).send({ type: 'reset' })
      return {}
    },
    'instances.stdin': ({ key, id: one, line }) => {
      const child = host(key).runner(one).child()
      if (child === undefined)
        throw new LbmError('OPERATION_FAILED', `Instance ${one} is not running.`)
      if (!child.writeStdin(line))
        throw new LbmError(
          'OPERATION_FAILED',
          `Instance ${one} has no stdin: it runs in cluster mode.`,
        )
      return {}
    },
    'instances.message': async ({ key, ids, message, awaitReply }) => {
      const runners = ids.map((one) => host(key).runner(one))
      if (awaitReply === undefined) {
        for (const runner of runners) runner.child()?.post(message)
        return { replies: [] }
      }
      return {
        replies: await messages.ask(runners, message, awaitReply.action, awaitReply.timeoutMs),
      }
    },
    'logs.flush': async ({ key }) => ({ files: await each(host(key), (sink) => sink.flush()) }),
    'logs.reopen': async ({ key }) => {
      const chosen = key === undefined ? [...hosts.values()] : [host(key)]
      const files = await Promise.all(chosen.map((app) => each(app, (sink) => sink.reopen())))
      return { files: [...new Set(files.flat())] }
    },
    'supervisor.upgrade': ({ program }) => upgrade(program),
    'supervisor.shutdown': async () => {
      await shutDown()
      return {}
    },
  }
}

async function each(
  app: AppHost,
  act: (sink: ReturnType<AppHost['sinks']>[number]) => Promise<string[]>,
): Promise<string[]> {
  const files = await Promise.all(app.sinks().map(act))
  return [...new Set(files.flat())]
}

/** Every process of every app, those beside the serving ones and those that only wait too. */
export function allOwned(hosts: ReadonlyMap<string, AppHost>): OwnedInstance[] {
  return [...hosts.values()].flatMap((app) => [
    ...app.runners().map((runner) => runner.owned()),
    ...app.spares().map(({ process: { child } }) => ({
      app: app.key,
      id: NO_ID,
      pid: child.pid,
      pidStart: child.pidStart,
      restarts: 0,
      unstableRestarts: 0,
    })),
  ])
}
