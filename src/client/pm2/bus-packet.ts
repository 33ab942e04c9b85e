/** From an event of lbm to the name and the packet that PM2 has for it. */

import type { LbmEvent } from '../../contract/events.ts'
import type { Pm2Process } from '../pm2-process.ts'

export interface BusPacket {
  name: string
  packet: Record<string, unknown>
}

type OfInstance = Extract<LbmEvent, { id: number }>

/** @returns undefined for what PM2 tells nobody */
export async function packetOf(
  event: OfInstance,
  processOf: (id: number) => Promise<Pm2Process | undefined>,
): Promise<BusPacket | undefined> {
  if (event.type === 'instance.message') return messagePacket(event, await processOf(event.id))
  const word = wordOf(event)
  if (word === undefined) return undefined
  const facts = flat(await processOf(event.id))
  const process = event.type === 'instance.exited' ? { ...facts, ...exitFacts(event) } : facts
  const packet = { event: word, manually: isManual(event), process, at: event.atMs }
  return { name: 'process:event', packet }
}

function wordOf(event: OfInstance): string | undefined {
  switch (event.type) {
    case 'instance.ready':
      return 'online'
    case 'instance.exited':
      return 'exit'
    case 'instance.errored':
      return 'restart overlimit'
    case 'command.done':
      return event.command === 'scale' ? undefined : event.command
    default:
      return undefined
  }
}

function isManual(event: OfInstance): boolean {
  if (event.type === 'command.done') return true
  return event.type === 'instance.exited' && event.exit.requestedBy === 'command'
}

function exitFacts({
  exit,
  willRestartInMs,
}: Extract<LbmEvent, { type: 'instance.exited' }>): object {
  const status = willRestartInMs === null || willRestartInMs === 0 ? 'stopped' : 'waiting restart'
  return { status, exit_code: exit.code ?? 0 }
}

/** PM2's `pm2_env` without the environment. */
function flat(process: Pm2Process | undefined): Record<string, unknown> {
  if (process === undefined) return {}
  const { env, ...facts } = process.pm2_env
  const names = new Set(Object.keys(env as object))
  const own = Object.entries(facts).filter(
    ([name, value]) => !names.has(name) || value !== (env as Record<string, unknown>)[name],
  )
  return Object.fromEntries(own)
}

function messagePacket(
  { message, atMs, id }: Extract<LbmEvent, { type: 'instance.message' }>,
  known: Pm2Process | undefined,
): BusPacket {
  const process = {
    pm_id: id,
    name: known?.name,
    rev: null,
    namespace: known?.pm2_env['namespace'],
  }
  if (isTyped(message))
    return { name: message.type, packet: { at: atMs, data: message.data, process } }
  return { name: 'process:msg', packet: { at: atMs, raw: message, process } }
}

function isTyped(message: unknown): message is { type: string; data: unknown } {
  if (typeof message !== 'object' || message === null) return false
  const { type, data } = message as { type?: unknown; data?: unknown }
  return typeof type === 'string' && type !== '' && Boolean(data)
}
