import { readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import type { AppSpec } from '../../../src/contract/app.ts'
import type { InstanceState } from '../../../src/contract/instance.ts'
import { ask } from '../../helpers/ask.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { NODES } from '../../helpers/nodes.ts'
import { type RunningSupervisor, startSupervisor } from '../../helpers/running-supervisor.ts'
import { sick } from './app.ts'

async function start(
  supervisor: RunningSupervisor,
  given: Partial<AppSpec>,
): Promise<{ port: number; spec: AppSpec; first: InstanceState }> {
  const port = await freePort()
  const spec = sick(port, given)
  await supervisor.start(spec)
  return { port, spec, first: supervisor.states.get(0)! }
}

const tell = (supervisor: RunningSupervisor, message: string): Promise<unknown> =>
  supervisor.api.request('instances.message', { key: 'app', ids: [0], message })

const HANG_MS = 3000

test.each(NODES)(
  '%s: hangs → out of rotation after 2 s of silence, killed after hang_timeout, and back',
  { timeout: 30_000 },
  async (version, interpreter) => {
    await using supervisor = await startSupervisor()
    const { port, first } = await start(supervisor, {
      instances: 2,
      hangTimeoutMs: HANG_MS,
      interpreter,
    })
    await tell(supervisor, '/hang')
    const began = performance.now()
    await supervisor.state(0, ({ phase }) => phase === 'unready')
    const outMs = performance.now() - began
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port)))
    expect(answers.some(({ pid }) => pid === first.pid)).toBe(false)
    const after = await supervisor.state(
      0,
      ({ phase, pid }) => phase === 'ready' && pid !== first.pid,
    )
    const backMs = performance.now() - began
    printFigure(
      `hang, ${version}: out of rotation after ${Math.round(outMs)} ms, replaced after ${Math.round(backMs)} ms (hang_timeout ${HANG_MS} ms)`,
    )
    expect(outMs).toBeLessThan(3500)
    expect(backMs).toBeLessThan(HANG_MS + 5000)
    expect(after.restarts).toBe(1)
    const dead = await supervisor.state(0, ({ lastExit }) => lastExit?.pid === first.pid)
    expect(dead.lastExit).toMatchObject({ requestedBy: 'hang', signal: 'SIGKILL', wasReady: true })
    expect(dead.lastExit?.message).toMatch(
      /^its event loop was blocked for \d\S* s in spin \(.*sick\.cjs:\d+\)$/,
    )
    const report = JSON.parse(readFileSync(dead.lastExit?.report ?? '', 'utf8')) as object
    expect(report).toHaveProperty('header.processId', first.pid)
    expect(report).not.toHaveProperty('environmentVariables')
    expect(statSync(dead.lastExit?.report ?? '').mode & 0o077).toBe(0)
    expect(dead.lastExit?.loopDelayMs).toBeGreaterThan(2000)
  },
)

test.each([
  ['stopped by SIGSTOP', 'SIGSTOP', 'does not answer: it is stopped by a signal or a debugger'],
  [
    'in a call that waits',
    '/wait',
    'does not answer: its event loop is blocked by a call that waits',
  ],
])(
  '%s → named, out of rotation, not killed, and back',
  { timeout: 30_000 },
  async (_case, how, note) => {
    await using supervisor = await startSupervisor()
    const { first } = await start(supervisor, { hangTimeoutMs: 2500 })
    if (how === 'SIGSTOP') process.kill(first.pid, how)
    else await tell(supervisor, how)
    await supervisor.state(0, ({ phase, notes }) => phase === 'unready' && notes.includes(note))
    // Longer than it would take to kill it.
    if (how === 'SIGSTOP') {
      await sleep(3500)
      process.kill(first.pid, 'SIGCONT')
    }
    const after = await supervisor.state(0, ({ phase }) => phase === 'ready')
    expect(after).toMatchObject({ pid: first.pid, restarts: 0, notes: [] })
  },
)

test(
  'blocks for 3 s and comes back → same process; hang_timeout 0 kills nothing',
  { timeout: 30_000 },
  async () => {
    await using supervisor = await startSupervisor()
    const { first } = await start(supervisor, { hangTimeoutMs: 0 })
    await tell(supervisor, '/block')
    await supervisor.state(0, ({ phase }) => phase === 'unready')
    const after = await supervisor.state(0, ({ phase }) => phase === 'ready')
    expect(after).toMatchObject({ pid: first.pid, restarts: 0 })
  },
)

test('burns all its CPU but answers → stays in rotation', { timeout: 30_000 }, async () => {
  await using supervisor = await startSupervisor()
  const { first, port } = await start(supervisor, { hangTimeoutMs: 2000 })
  await tell(supervisor, '/busy')
  for (const end = performance.now() + 6000; performance.now() < end;) await ask(port)
  expect(supervisor.states.get(0)).toMatchObject({ pid: first.pid, phase: 'ready' })
  expect(supervisor.events.map(({ type }) => type)).not.toContain('instance.readiness')
})

test(
  'a reload to a version that hangs once it is loaded → rolled back, told why',
  { timeout: 30_000 },
  async () => {
    await using supervisor = await startSupervisor()
    const { spec, first } = await start(supervisor, { hangTimeoutMs: 2500 })
    const next = { ...spec, env: { ...spec.env, AT_BOOT: '/hang', BOOT_MS: '60000' } }
    const outcome = await supervisor.api.request('app.reload', {
      key: 'app',
      spec: next,
      by: 'command',
      supersede: false,
    })
    expect(outcome.result).toBe('rolled-back')
    expect(outcome.message).toMatch(/its event loop was blocked for/)
    expect(supervisor.states.get(0)).toMatchObject({ pid: first.pid, phase: 'ready' })
  },
)
