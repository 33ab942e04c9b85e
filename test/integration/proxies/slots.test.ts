/** Slots of a real supervisor, asked directly. */

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { AppSpec } from '../../../src/contract/app.ts'
import type { SlotsSpec } from '../../../src/contract/proxy.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { type RunningSupervisor, startSupervisor } from '../../helpers/running-supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { until } from '../../helpers/until.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-slots-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const KINDS = [
  ['TCP', 'cluster'],
  ['TCP', 'fork'],
  ['Unix', 'cluster'],
] as const

async function slotsOf(kind: 'TCP' | 'Unix', max = 0): Promise<SlotsSpec> {
  const at: SlotsSpec['at'] =
    kind === 'Unix'
      ? { type: 'unix', dir: mkdtempSync(join(folder, 's-')) }
      : { type: 'tcp', host: '127.0.0.1', base: await freePort() }
  return { at, max }
}

async function spec(slots: SlotsSpec, given: Partial<AppSpec> = {}): Promise<AppSpec> {
  return sampleSpec({
    name: 'app',
    script: join(FIXTURES, 'http.cjs'),
    cwd: FIXTURES,
    env: { PORT: String(await freePort()) },
    mode: 'cluster',
    instances: 2,
    instancesGiven: true,
    reloadMinUptimeMs: 300,
    slots,
    ...given,
  })
}

function place(
  { at }: SlotsSpec,
  number: number,
): { host: string; port: number } | { socketPath: string } {
  return at.type === 'unix'
    ? { socketPath: `${at.dir}/app-${number}.sock` }
    : { host: at.host, port: at.base + number }
}

/** Number of the instance that answers at the slot, or the error. */
function who(slots: SlotsSpec, number: number): Promise<{ number: number; pid: number } | string> {
  return new Promise((resolve) => {
    const call = request(
      { ...place(slots, number), path: '/', agent: false, timeout: 5000 },
      (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
        response.on('end', () => {
          const [pid, instance] = body.split(' ').map(Number)
          resolve({ number: instance ?? -1, pid: pid ?? 0 })
        })
      },
    )
    call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    call.on('timeout', () => call.destroy(new Error('timed out')))
    call.end()
  })
}

const servedBy = async (slots: SlotsSpec, number: number): Promise<number | string> => {
  const answer = await who(slots, number)
  return typeof answer === 'string' ? answer : answer.number
}

const stop = (supervisor: RunningSupervisor, ids: number[]) =>
  supervisor.api.request('instances.stop', { key: 'app', ids, by: 'command' })

describe.each(KINDS)('%s slots, %s mode', (kind, mode) => {
  const modeOf = { mode, instances: mode === 'fork' ? 1 : 2 } as const

  test('every instance answers at its own address, and those to come at another’s', async () => {
    await using supervisor = await startSupervisor()
    const slots = await slotsOf(kind, 3)
    await supervisor.start(await spec(slots, modeOf))
    await until(async () => (await servedBy(slots, 2)) === 0 || undefined)
    for (let number = 0; number < modeOf.instances; number += 1)
      await until(async () => (await servedBy(slots, number)) === number || undefined)
  })

  test(
    'reloads under load on one slot: 0 requests lost, the address stays',
    { timeout: 60_000 },
    async () => {
      await using supervisor = await startSupervisor()
      const slots = await slotsOf(kind)
      const app = await spec(slots, modeOf)
      await supervisor.start(app)
      await until(async () => (await servedBy(slots, 0)) === 0 || undefined)
      const load = startLoad({ port: 0, ...place(slots, 0), slowMs: 100 })
      for (let round = 0; round < 3; round += 1) {
        const before = await who(slots, 0)
        const outcome = await supervisor.api.request('app.reload', {
          key: 'app',
          spec: app,
          by: 'command',
          supersede: false,
        })
        expect(outcome.result).toBe('done')
        // For a moment both accept.
        await until(async () => {
          const after = await who(slots, 0)
          if (typeof after === 'string') throw new Error(after)
          return JSON.stringify(after) !== JSON.stringify(before) || undefined
        })
      }
      const { requests, failures } = await load.stop()
      printFigure(
        `${kind} slot, ${mode}: ${failures.length} of ${requests} requests failed in 3 reloads`,
      )
      expect(failures).toEqual([])
    },
  )

  test('nobody can answer: the address refuses at once, and is back with the replacement', async () => {
    await using supervisor = await startSupervisor()
    const slots = await slotsOf(kind)
    await supervisor.start(await spec(slots, { ...modeOf, instances: 1, restartDelayMs: 500 }))
    await until(async () => (await servedBy(slots, 0)) === 0 || undefined)
    const before = await who(slots, 0)
    process.kill((before as { pid: number }).pid, 'SIGKILL')
    await until(
      async () => /ECONNREFUSED|ENOENT/.test(String(await servedBy(slots, 0))) || undefined,
    )
    await until(async () => (await servedBy(slots, 0)) === 0 || undefined)
    await stop(supervisor, [0])
    await expect(who(slots, 0)).resolves.toMatch(/ECONNREFUSED|ENOENT/)
    if (slots.at.type === 'unix') expect(readdirSync(slots.at.dir)).toEqual([])
  })
})

test('an instance dies under load: its slot is answered by the other one, only what it had in hand is lost', async () => {
  await using supervisor = await startSupervisor()
  const slots = await slotsOf('TCP')
  await supervisor.start(await spec(slots, { restartDelayMs: 1000 }))
  await until(async () => (await servedBy(slots, 1)) === 1 || undefined)
  const load = startLoad({ port: 0, ...place(slots, 1), keepAlive: 0, fresh: 16 })
  await until(() => load.result.requests > 200 || undefined)
  const { pid } = (await who(slots, 1)) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await until(async () => (await servedBy(slots, 1)) === 0 || undefined)
  await until(async () => (await servedBy(slots, 1)) === 1 || undefined)
  const { requests, failures } = await load.stop()
  printFigure(`kill -9 of the slot's instance: ${failures.length} of ${requests} failed`)
  // One a client at most: those that were in the hands of the dead process.
  expect(failures.length).toBeLessThanOrEqual(16)
})

test('a slot is stopped while the app goes on: another instance answers, 0 requests lost', async () => {
  await using supervisor = await startSupervisor()
  const slots = await slotsOf('TCP')
  await supervisor.start(await spec(slots))
  await until(async () => (await servedBy(slots, 1)) === 1 || undefined)
  const load = startLoad({ port: 0, ...place(slots, 1), slowMs: 50 })
  await until(() => load.result.requests > 100 || undefined)
  await stop(supervisor, [1])
  await until(async () => (await servedBy(slots, 1)) === 0 || undefined)
  const { requests, failures } = await load.stop()
  printFigure(`stop of the slot's instance: ${failures.length} of ${requests} failed`)
  expect(failures).toEqual([])
})

test('somebody else has the port: a note says so, and the slot comes when it is free', async () => {
  await using supervisor = await startSupervisor()
  const slots = await slotsOf('TCP')
  const { port } = place(slots, 0) as { port: number }
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
  await supervisor.start(await spec(slots))
  const state = await supervisor.state(0, ({ notes }) => notes.length > 0)
  expect(state.notes.join()).toMatch(new RegExp(`slot 0: port ${port} is in use`))
  await until(async () => (await servedBy(slots, 1)) === 1 || undefined)
  await new Promise((resolve) => other.close(resolve))
  await until(async () => (await servedBy(slots, 0)) === 0 || undefined)
})

test('a supervisor that died left its sockets’ files: the next one takes their place', async () => {
  const slots = await slotsOf('Unix')
  const { dir } = slots.at as { dir: string }
  {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(dir, 'stale.sock'), resolve))
    const { renameSync } = await import('node:fs')
    renameSync(join(dir, 'stale.sock'), join(dir, 'app-0.sock'))
    await new Promise((resolve) => server.close(resolve))
    expect(existsSync(join(dir, 'app-0.sock'))).toBe(true)
  }
  await using supervisor = await startSupervisor()
  await supervisor.start(await spec(slots))
  await until(async () => (await servedBy(slots, 0)) === 0 || undefined)
})

test('a WebSocket-like connection through a slot ends with the drain, not before', async () => {
  await using supervisor = await startSupervisor()
  const slots = await slotsOf('TCP')
  const app = await spec(slots)
  await supervisor.start(app)
  await until(async () => (await servedBy(slots, 0)) === 0 || undefined)
  const { host, port } = place(slots, 0) as { host: string; port: number }
  const socket = connect(port, host)
  const events: string[] = []
  socket.on('data', (data: Buffer) => events.push(data.toString('latin1').split('\r\n')[0] ?? ''))
  socket.on('close', () => events.push('closed'))
  socket.write('GET /?ms=1200 HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => socket.bytesWritten > 0 || undefined)
  await supervisor.api.request('app.reload', {
    key: 'app',
    spec: app,
    by: 'command',
    supersede: false,
  })
  await until(() => events.includes('closed') || undefined)
  expect(events).toEqual(['HTTP/1.1 200 OK', 'closed'])
})
