/** The successor's side of an upgrade: it gets apps and listening sockets, brings up its own instances, and serves on. */

import {
  type FromPredecessor,
  type FromSuccessor,
  TAKEOVER_VERSION,
} from '../../../src/contract/takeover.ts'
import type { NativeHandle } from '../../balancer/port.ts'
import type { AppHost, HostDeps } from '../app-host-port.ts'
import { createAppHost } from '../app-host.ts'

export interface TakeOverOptions {
  version: string
  hosts: Map<string, AppHost>
  deps: HostDeps
  /** Serves under the supervisor's name. */
  serve: () => Promise<void>
}

type AppMessage = Extract<FromPredecessor, { type: 'app' }>

/** Resolves when this process serves. */
export function takeOver({ version, hosts, deps, serve }: TakeOverOptions): Promise<void> {
  const apps: AppMessage[] = []
  const say = (message: FromSuccessor): void => void process.send?.(message, () => undefined)

  async function begin(): Promise<void> {
    const outcomes = await Promise.all(
      apps.map(({ record, beside }) =>
        host(record.key).start(beside, { wait: true, rollBack: true }),
      ),
    )
    const failed = outcomes
      .flat()
      .find(({ result }) => result === 'failed' || result === 'timed-out')
    if (failed === undefined) {
      say({ type: 'up' })
      return
    }
    await closeAll()
    say({
      type: 'failed',
      message: `instance ${failed.id} ${failed.message ?? 'died before it was ready'}`,
    })
    process.disconnect?.()
    process.exit(1)
  }

  async function closeAll(): Promise<void> {
    await Promise.all([...hosts.values()].map((one) => one.close('upgrade')))
  }

  function electAll(): void {
    for (const one of hosts.values()) one.elect()
  }

  function host(key: string): AppHost {
    const found = hosts.get(key)
    if (found === undefined) throw new Error(`the predecessor did not hand over ${key}`)
    return found
  }

  return new Promise((resolve) => {
    process.on('message', (message: FromPredecessor, handle: unknown) => {
      switch (message.type) {
        case 'app':
          apps.push(message)
          hosts.set(
            message.record.key,
            createAppHost(message.record, message.known, deps, { elects: false }),
          )
          break
        case 'listener':
          host(message.app).inherit({
            query: message.query,
            handle: handle as NativeHandle,
            ticketKeys: message.ticketKeys,
          })
          break
        case 'begin':
          void begin()
          break
        case 'serve':
          void serve().then(() => {
            isServing = true
            say({ type: 'serving' })
            resolve()
          })
          break
        case 'leaderless':
          electAll()
          break
        case 'gone':
          electAll()
          for (const one of hosts.values()) one.restoreFiles()
          for (const { record, after } of apps) {
            void host(record.key).start(after, { wait: false, rollBack: false })
          }
          break
      }
    })
    let isServing = false
    // The predecessor died before this one was in its place: the daemon brings back what it had.
    process.on('disconnect', () => {
      if (isServing) electAll()
      else void closeAll().then(() => process.exit(1))
    })
    say({ type: 'hello', v: TAKEOVER_VERSION, version })
  })
}
