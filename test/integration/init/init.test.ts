import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { newCli } from '../../helpers/cli.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { type LiveProgram, liveProgram } from '../../helpers/live-program.ts'
import { until } from '../../helpers/until.ts'

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0

/** The daemon as a service manager starts it. */
const asService = (home: string, env: Record<string, string> = {}): LiveProgram =>
  liveProgram(process.execPath, [join(DIST, 'daemon.cjs')], {
    env: { LBM_HOME: home, LBM_INIT: 'systemd', ...env },
  })

test('systemd is told that it is up, then that it is alive; a daemon that hangs says nothing', async ({
  skip,
}) => {
  if (!has('systemd-notify')) skip('there is no systemd-notify here')
  if (!has('python3')) skip('there is no python3 to receive datagrams')
  await using cli = newCli()
  const socket = join(cli.home.root, 'notify')
  await using receiver = liveProgram('python3', [
    join(import.meta.dirname, '../../helpers/datagrams.py'),
    socket,
  ])
  await receiver.saw(/^bound$/m)
  await using daemon = asService(cli.home.root, {
    NOTIFY_SOCKET: socket,
    WATCHDOG_USEC: '400000',
  })
  const beats = (): number => receiver.stdout().match(/^WATCHDOG=1$/gm)?.length ?? 0
  await receiver.saw(/^READY=1$/m)
  await until(() => beats() >= 3 || undefined)

  daemon.child.kill('SIGSTOP')
  // What was under way arrives; then silence for several times the interval.
  await new Promise((resolve) => setTimeout(resolve, 500))
  const before = beats()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(beats()).toBe(before)
  daemon.child.kill('SIGCONT')
  await until(() => beats() > before || undefined)

  daemon.child.kill('SIGTERM')
  await receiver.saw(/^STOPPING=1$/m)
  expect(await daemon.ended).toEqual({ code: 0, signal: null })
})

test('it takes the place of a daemon that was started by hand; apps and their pids stay', async () => {
  await using cli = newCli()
  await cli.ok('start', join(FIXTURES, 'worker.cjs'), '-n', 'w')
  const [before] = await cli.jlist()
  const pidOf = async (): Promise<number> =>
    (JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }).pid
  const byHand = await pidOf()
  await using daemon = asService(cli.home.root)
  await until(async () => ((await pidOf().catch(() => byHand)) === daemon.pid ? true : undefined))
  expect((await cli.jlist())[0]).toMatchObject({ pid: before?.pid, pm2_env: { restart_time: 0 } })
  // Nothing that it starts takes itself for the service.
  await cli.ok('start', join(FIXTURES, 'http.cjs'), '-n', 'h', '-i', '1')
  const [app] = (await cli.jlist()).filter(({ name }) => name === 'h')
  const environment = readFileSync(`/proc/${app?.pid}/environ`, 'latin1').split('\0')
  expect(environment.filter((entry) => entry.startsWith('LBM_INIT='))).toEqual([])
})

test('an upgrade leaves with the code that asks for a start; kill is an end', async () => {
  await using cli = newCli()
  {
    await using daemon = asService(cli.home.root)
    await until(() => cli.ok('ping').catch(() => undefined))
    await cli.lbm('upgrade')
    expect((await daemon.ended).code).toBe(75)
  }
  await cli.lbm('kill')
  await using daemon = asService(cli.home.root)
  await until(() => cli.ok('ping').catch(() => undefined))
  await cli.ok('kill')
  expect((await daemon.ended).code).toBe(0)
})
