/** The address of an instance that a proxy knows. */

import type { AppRecord } from './app.ts'
import { type SlotAddress, slotAddress } from './proxy.ts'

/** Where it is reached, once that is known. */
export function slotOf(
  { key, spec, slotBase }: Pick<AppRecord, 'key' | 'spec' | 'slotBase'>,
  number: number,
): SlotAddress | undefined {
  const { slots } = spec
  if (slots === undefined) return undefined
  if (slots.at.type === 'tcp' && slots.at.base === 0 && slotBase === undefined) return undefined
  return slotAddress(slots, number, { base: slotBase, app: key })
}

export function slotText(address: SlotAddress): string {
  if (address.type === 'unix') return address.path
  const { host, port } = address
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
