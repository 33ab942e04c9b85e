/** What `require('lbm/pm2')` is. */

import type { EventEmitter } from 'node:events'

import type { Pm2Process } from '../pm2-process.ts'
import type { ActionOptions, Startable } from './actions.ts'
import type { Bus } from './bus.ts'
import type { Selector } from './context.ts'
import type { ProcessDescriptor, StartedProcess } from './descriptors.ts'
import type { Method } from './method.ts'
import type { Packet, ReplyPacket } from './talk.ts'

export interface Pm2Options {
  /** What lbm calls its home. */
  pm2_home?: string
  cwd?: string
}

export interface ConnectionFacts {
  new_pm2_instance: boolean
  rpc_socket_file: string
  pub_socket_file: string
  pm2_home: string
}

export interface Success {
  success: true
}

/** The third argument of PM2's callback is the socket; the promise is for the bus alone. */
export interface LaunchBus {
  (callback: (error: Error | null, bus: Bus, socket: EventEmitter) => void): void
  (): Promise<Bus>
}

/** Each method takes a callback as its last argument, as PM2's do, or returns a promise. */
export interface Pm2 {
  pm2_home: string
  cwd: string
  custom: new (options?: Pm2Options) => Pm2
  connect: Method<[], ConnectionFacts, [noDaemon: boolean]>
  disconnect(callback?: () => void): void
  close(callback?: () => void): void
  start: Method<
    [what: string | Startable],
    (StartedProcess | ProcessDescriptor)[],
    [options: ActionOptions]
  >
  stop: Method<[what: Selector], ProcessDescriptor[], [options: ActionOptions]>
  restart: Method<[what: Selector], ProcessDescriptor[], [options: ActionOptions]>
  reload: Method<[what: Selector], ProcessDescriptor[], [options: ActionOptions]>
  gracefulReload: Method<[what: Selector], ProcessDescriptor[], [options: ActionOptions]>
  delete: Method<[what: Selector], ProcessDescriptor[], [options: ActionOptions]>
  scale: Method<[name: string, count: number | string], Success>
  list: Method<[], Pm2Process[]>
  describe: Method<[what: string | number], Pm2Process[]>
  getPID: Method<[], number[], [name: string]>
  env: Method<[id: string | number], Record<string, string>>
  reset: Method<[what: Selector], Success>
  launchBus: LaunchBus
  sendDataToProcessId: Method<
    [id: number | Packet],
    { success: true; data: Packet },
    [packet: Packet]
  >
  sendSignalToProcessName: Method<[signal: string | number, name: string], Pm2Process[]>
  sendSignalToProcessId: Method<[signal: string | number, id: number], Pm2Process[]>
  sendLineToStdin: Method<
    [id: number | string, line: string],
    { pm_id: number; line: string },
    [separator: string]
  >
  trigger: Method<[what: string | number, action: string], ReplyPacket[], [param: unknown]>
  flush: Method<[], string[], [what: Selector]>
  reloadLogs: Method<[], string[]>
  dump: Method<[], Success, [force: boolean]>
  clearDump: Method<[], Success>
  resurrect: Method<[], ProcessDescriptor[]>
  killDaemon: Method<[], Success>
  kill: Method<[], Success>
  ping: Method<[], { msg: 'pong' }>
  getVersion: Method<[], string>
  set: Method<[key: string, value: unknown], Success>
  multiset: Method<[pairs: string], Success>
  get: Method<[], string | Record<string, string>, [key: string]>
  unset: Method<[key: string], Success>
}
