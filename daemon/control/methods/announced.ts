/** Commands tell the event stream, instance by instance, once they are done. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import type { Command } from '../../../src/contract/events.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import type { Control } from '../control.ts'

type Announced = Pick<
  Implementation<DaemonApi>,
  | 'app.start'
  | 'app.startExisting'
  | 'app.stop'
  | 'app.restart'
  | 'app.reload'
  | 'app.delete'
  | 'app.scale'
>

const COMMAND_OF: Record<keyof Announced, Command> = {
  'app.start': 'start',
  'app.startExisting': 'start',
  'app.stop': 'stop',
  'app.restart': 'restart',
  'app.reload': 'reload',
  'app.delete': 'delete',
  'app.scale': 'scale',
}

type AppResult = DaemonApi['app.reload']['result']['apps'][number]

export function announced<M extends Announced>(control: Control, methods: M): M {
  const wrapped: Record<string, unknown> = { ...methods }
  for (const [name, command] of Object.entries(COMMAND_OF)) {
    const method = methods[name as keyof Announced] as (params: unknown) => Promise<unknown>
    wrapped[name] = async (params: unknown) => {
      const result = (await method(params)) as AppResult | { apps: AppResult[] }
      for (const app of 'apps' in result ? result.apps : [result]) publish(control, command, app)
      return result
    }
  }
  return wrapped as M
}

function publish(
  { hub, clock, store }: Control,
  command: Command,
  { app, outcomes, rollout }: AppResult,
): void {
  const base = { v: 1, atMs: clock.wall(), app, type: 'command.done', command } as const
  for (const outcome of outcomes ?? []) {
    const { id, number } = outcome
    hub.publish({ ...base, id, number, ok: isWell(outcome) })
  }
  if (rollout === undefined) return
  for (const { id, number } of store.find(app)?.slots ?? [])
    hub.publish({ ...base, id, number, ok: rollout.result === 'done' })
}

function isWell({ result }: InstanceOutcome): boolean {
  return result !== 'failed' && result !== 'timed-out'
}
