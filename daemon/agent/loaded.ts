/** Tells the supervisor that the main module has been evaluated, top-level await included. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import type { Channel } from './channel.ts'

/** Node 20 has this listener on 'exit' while an ES module that is the entry point is loaded and evaluated. */
const PENDING_ENTRY = 'handleProcessExit'
/** Node 22 and later publish each import(); that of the entry point has no parent. */
const IMPORT_START = 'tracing:module.import:start'
const IMPORT_END = 'tracing:module.import:asyncEnd'

interface Import {
  parentURL?: string
}

export function reportWhenLoaded(channel: Channel): void {
  let isPending = preloadsModules()

  const tell = (): void => {
    unsubscribe(IMPORT_START, started)
    unsubscribe(IMPORT_END, ended)
    process.off('removeListener', removed)
    channel.send({ act: 'loaded' })
  }
  const started = (message: unknown): void => {
    if ((message as Import).parentURL === undefined) isPending = true
  }
  const ended = (message: unknown): void => {
    if ((message as Import).parentURL === undefined) tell()
  }
  const removed = (event: string | symbol, listener: { name: string }): void => {
    if (event === 'exit' && listener.name === PENDING_ENTRY) tell()
  }

  subscribe(IMPORT_START, started)
  subscribe(IMPORT_END, ended)
  process.on('removeListener', removed)
  // A CommonJS entry is evaluated before the event loop turns for the first time.
  setImmediate(() => {
    if (!isPending && !process.listeners('exit').some(({ name }) => name === PENDING_ENTRY)) tell()
  })
}

/** `--import` makes Node load even a CommonJS entry as a module, once what is to be imported is there. */
function preloadsModules(): boolean {
  return /--import\b/.test(`${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`)
}
