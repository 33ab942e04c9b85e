/** What is said to running processes: messages, signals, lines, actions. */

import { isLbmError } from '../../contract/errors.ts'
import type { Pm2Process } from '../pm2-process.ts'
import { type Context, findDetails, findProcesses } from './context.ts'
import { notFound, pm2Error } from './pm2-error.ts'

export interface Packet {
  id?: number
  type?: string
  topic?: string
  data?: unknown
}

/** As the app sent it. */
export interface ReplyPacket {
  at: number
  data: { return: unknown; action_name: string }
  process: { pm_id: number; name: string; namespace: string; rev: null }
}

export interface Talk {
  sendDataToProcessId(
    idOrPacket: number | Packet,
    packet?: Packet,
  ): Promise<{ success: true; data: Packet }>
  sendSignalToProcessName(signal: string | number, name: string): Promise<Pm2Process[]>
  sendSignalToProcessId(signal: string | number, id: number): Promise<Pm2Process[]>
  sendLineToStdin(
    id: number | string,
    line: string,
    separator?: string,
  ): Promise<{ pm_id: number; line: string }>
  trigger(selector: string | number, action: string, param?: unknown): Promise<ReplyPacket[]>
}

export function createTalk(context: Context): Talk {
  const { client } = context

  async function byId(id: number): Promise<Pm2Process | undefined> {
    return (await findProcesses(context, ['all'])).find(({ pm_id }) => pm_id === id)
  }

  /** @throws Error with PM2's words for an unknown or a stopped one */
  async function runningById(id: number): Promise<Pm2Process> {
    const process = await byId(id)
    if (process === undefined) throw pm2Error(`Process with ID <${id}> unknown.`)
    if (process.pid === 0) throw pm2Error(`Process with ID <${id}> offline.`)
    return process
  }

  async function sendSignal(
    signal: string | number,
    processes: Pm2Process[],
  ): Promise<Pm2Process[]> {
    const ids = processes.filter(({ pid }) => pid > 0).map(({ pm_id }) => pm_id)
    if (ids.length > 0) await client.signal(ids, String(signal) as NodeJS.Signals)
    return processes
  }

  return {
    async sendDataToProcessId(idOrPacket, second) {
      const packet = typeof idOrPacket === 'object' ? idOrPacket : second
      const id = typeof idOrPacket === 'object' ? idOrPacket.id : idOrPacket
      if (id === undefined || packet?.data === undefined || !packet.topic)
        throw pm2Error('ID, DATA or TOPIC field is missing')
      await runningById(id)
      const message = { ...packet, id }
      await client.sendMessage(id, message)
      return { success: true, data: message }
    },
    async sendSignalToProcessName(signal, name) {
      const named = (await findProcesses(context, ['all'])).filter((one) => one.name === name)
      if (named.length === 0) throw pm2Error('Unknown process name')
      return await sendSignal(signal, named)
    },
    async sendSignalToProcessId(signal, id) {
      const process = await byId(id)
      if (process === undefined) throw pm2Error(`${id} : id unknown`)
      return await sendSignal(signal, [process])
    },
    async sendLineToStdin(id, line, separator = '\n') {
      await runningById(Number(id))
      // lbm ends a line by a newline itself.
      const text = separator === '\n' ? line : `${line}${separator}`
      await client.sendLine(Number(id), text)
      return { pm_id: Number(id), line: `${line}${separator}` }
    },
    async trigger(selector, action, param) {
      const word = String(selector)
      const details = await findDetails(context, [word])
      if (details.length === 0) throw notFound(word)
      const isKnown = details.some(({ instances }) =>
        instances.some((one) => one.axmActions.some(({ action_name: name }) => name === action)),
      )
      const name = details[0]?.record.spec.name ?? word
      if (!isKnown) throw pm2Error(`Action doesn't exist ${action} for ${name}`)
      try {
        const replies = await client.trigger(word, action, param)
        const namespace = details[0]?.record.spec.namespace ?? 'default'
        return replies.map((reply) => ({
          at: Date.now(),
          data: { return: reply.value, action_name: action },
          process: { pm_id: reply.id, name: reply.name, namespace, rev: null },
        }))
      } catch (error) {
        if (isLbmError(error) && error.code === 'APP_NOT_FOUND') throw notFound(word, error)
        throw error
      }
    },
  }
}
