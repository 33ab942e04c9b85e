/**
 * The slots of one app: a listening socket an instance number, handed to the process that holds the number. Stands in
 * front of the balancer, whose members it knows by listening in; the instances' own listeners are the balancer's affair.
 */

import {
  AGENT_COMMAND,
  type FromAgent,
  listenerKey,
  type ListenQuery,
} from '../../../src/contract/agent.ts'
import type { AppRecord } from '../../../src/contract/app.ts'
import type { SlotAddress } from '../../../src/contract/proxy.ts'
import { slotOf } from '../../../src/contract/slot-address.ts'
import type { ListenHandle } from '../../balancer/native.ts'
import type { Balancer, InheritedListener, Member } from '../../balancer/port.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import { onceATurn } from '../../kernel/once-a-turn.ts'
import { assignSlots } from './assign-slots.ts'
import { bindSlot, removeSlotFile, slotNumber, slotQuery } from './slot-socket.ts'

/** A dead supervisor's instances let go of a slot in a moment; somebody else's program may keep it. */
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 5000

export interface SlotsOptions {
  record: () => AppRecord
  clock: Clock
  onBindFailed: (number: number, address: SlotAddress, errno: number) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface Slots {
  /** The balancer as its users know it. */
  balancer: Balancer
  /** The definition or the instances changed. */
  update(): void
  /** A successor has the sockets: their files stay. */
  leaveFiles(): void
}

interface Slot {
  readonly number: number
  address: SlotAddress
  handle: ListenHandle | undefined
  /** Id of the member that accepts from it. */
  holder: number | undefined
  /** A predecessor accepts from it until there is somebody here who can. */
  inherited: boolean
  retry: Disposable | undefined
  retryMs: number
}

interface Observed {
  member: Member
  inRotation: boolean
  /** Listeners that a slot can belong to. */
  listening: number
  /** It gave a slot back by itself; until it listens once more. */
  refuses: boolean
}

export function createSlots(balancer: Balancer, options: SlotsOptions): Slots {
  const { record, clock, log } = options
  const slots = new Map<number, Slot>()
  const members = new Map<number, Observed>()
  let filesStay = false

  // The daemon's choice comes with the next definition.
  const addressOf = (number: number): SlotAddress | undefined => slotOf(record(), number)

  /** Those of instances and those that are to be there beforehand; one that was there stays until the app is at rest. */
  function wantedNumbers(): number[] {
    const { spec, slots: instances } = record()
    if (spec.slots === undefined) return [...slots.keys()]
    const declared = Array.from({ length: spec.slots.max }, (_, number) => number)
    const numbers = instances.map(({ number }) => number)
    return [...new Set([...declared, ...numbers, ...slots.keys()])].toSorted((a, b) => a - b)
  }

  /** Once for all that happens in this turn: a reload puts the new one in rotation and takes the old one out. */
  const settleSoon = onceATurn(settle)

  function settle(): void {
    const acceptors = [...members.values()]
      .filter(({ inRotation, listening, refuses }) => inRotation && listening > 0 && !refuses)
      .map(({ member }) => member)
    for (const [number, holder] of assignSlots(wantedNumbers(), acceptors)) {
      const slot = slots.get(number)
      if (holder === undefined) {
        if (slot !== undefined && !slot.inherited) close(slot)
      } else if (slot !== undefined || addressOf(number) !== undefined)
        give(slot ?? open(number), holder)
    }
  }

  function open(number: number): Slot {
    const slot: Slot = {
      number,
      address: addressOf(number) ?? { type: 'tcp', host: '127.0.0.1', port: 0 },
      handle: undefined,
      holder: undefined,
      inherited: false,
      retry: undefined,
      retryMs: FIRST_RETRY_MS,
    }
    slots.set(number, slot)
    return slot
  }

  function give(slot: Slot, memberId: number): void {
    const moved = moveIfAsked(slot)
    if (slot.handle === undefined && !bind(slot)) return
    if (slot.holder === memberId && !moved) return
    const before = slot.holder
    slot.holder = memberId
    slot.inherited = false
    members
      .get(memberId)
      ?.member.send(
        { cmd: AGENT_COMMAND, act: 'slot', number: slot.number },
        slot.handle,
        (error) => {
          // Its channel is broken; detach() follows.
          if (error !== null && error !== undefined) takeOut(memberId)
        },
      )
    // After the next one has it: the queue always has somebody who accepts from it.
    if (before !== undefined && before !== memberId) leave(before, slot.number)
  }

  /** Another address in the definition. What is at the old one goes, as a proxy that knew it must be told anyway. */
  function moveIfAsked(slot: Slot): boolean {
    const address = addressOf(slot.number)
    if (address === undefined || JSON.stringify(address) === JSON.stringify(slot.address))
      return false
    shut(slot)
    slot.address = address
    return true
  }

  function bind(slot: Slot): boolean {
    if (slot.retry !== undefined) return false
    const handle = bindSlot(slot.address, slot.number)
    if (typeof handle !== 'number') {
      slot.handle = handle
      slot.retryMs = FIRST_RETRY_MS
      return true
    }
    const { number, address, retryMs } = slot
    log('slot.not-bound', { number, ...address, errno: handle })
    if (retryMs > FIRST_RETRY_MS) options.onBindFailed(number, address, handle)
    slot.retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)
    slot.retry = clock.at(after(clock.now(), retryMs), () => {
      slot.retry = undefined
      settle()
    })
    return false
  }

  /** Nobody can accept: a connection that is refused goes to another server, one that waits may be lost. */
  function close(slot: Slot): void {
    // The holder's copy goes last: what its queue has is accepted still.
    shut(slot)
    if (slot.holder !== undefined) leave(slot.holder, slot.number)
    slot.holder = undefined
    slot.retry?.[Symbol.dispose]()
    slot.retry = undefined
  }

  function shut(slot: Slot): void {
    if (slot.handle === undefined) return
    if (!filesStay) removeSlotFile(slot.address)
    slot.handle.close()
    slot.handle = undefined
  }

  function leave(memberId: number, number: number): void {
    members.get(memberId)?.member.send({ cmd: AGENT_COMMAND, act: 'slot-leave', number })
  }

  function takeOut(memberId: number): void {
    for (const slot of slots.values()) if (slot.holder === memberId) slot.holder = undefined
    const observed = members.get(memberId)
    if (observed !== undefined) observed.refuses = true
    settleSoon()
  }

  function observe(memberId: number, message: FromAgent): void {
    const observed = members.get(memberId)
    if (observed === undefined) return
    if (message.act === 'listening' || message.act === 'closed') {
      const { port } = record().spec.slots ?? {}
      if (message.protocol === 'udp' || (port !== undefined && port !== message.port)) return
      observed.listening += message.act === 'listening' ? 1 : -1
      observed.refuses &&= message.act === 'closed'
      settleSoon()
    } else if (message.act === 'slot-left') {
      const slot = slots.get(message.number)
      // Not told to: its server is closed.
      if (slot?.holder === memberId) takeOut(memberId)
    }
  }

  /** True for a listener that the slots are there in place of. */
  function standsIn({ addressType, port: asked }: ListenQuery): boolean {
    const { mode, slots: given } = record().spec
    if (given?.only !== true || mode !== 'cluster' || typeof addressType !== 'number') return false
    return given.port === undefined || given.port === asked
  }

  /** The app listens, as far as it knows; its connections come from the slots alone. */
  function answerListen(memberId: number, { seq, query }: FromAgent & { act: 'listen' }): void {
    const observed = members.get(memberId)
    if (observed === undefined) return
    const own = addressOf(observed.member.number)
    const port = query.port === 0 && own?.type === 'tcp' ? own.port : query.port
    observed.member.send({
      cmd: AGENT_COMMAND,
      act: 'listen-reply',
      seq,
      key: listenerKey(query),
      how: 'dispatched',
      sockname: {
        address: query.address ?? '::',
        port,
        family: query.addressType === 4 && query.address !== null ? 'IPv4' : 'IPv6',
      },
    })
  }

  return {
    update: settleSoon,
    leaveFiles() {
      filesStay = true
    },
    balancer: {
      ...balancer,
      attach(member) {
        members.set(member.id, { member, inRotation: false, listening: 0, refuses: false })
        balancer.attach(member)
      },
      receive(memberId, message, handle) {
        observe(memberId, message)
        if (message.act === 'listen' && standsIn(message.query)) answerListen(memberId, message)
        else balancer.receive(memberId, message, handle)
      },
      setInRotation(memberId, inRotation) {
        balancer.setInRotation(memberId, inRotation)
        const observed = members.get(memberId)
        if (observed === undefined || observed.inRotation === inRotation) return
        observed.inRotation = inRotation
        settleSoon()
      },
      enlist(memberId, number) {
        balancer.enlist(memberId, number)
        const observed = members.get(memberId)
        if (observed !== undefined) observed.member = { ...observed.member, number }
      },
      detach(memberId) {
        balancer.detach(memberId)
        members.delete(memberId)
        for (const slot of slots.values()) if (slot.holder === memberId) slot.holder = undefined
        // At once: whoever connects now is to be answered, or refused.
        settle()
      },
      listeners: () => [...balancer.listeners(), ...inheritable(slots.values())],
      inherit(listener) {
        const number = slotNumber(listener.query)
        if (number === undefined) balancer.inherit(listener)
        else Object.assign(open(number), { handle: listener.handle, inherited: true })
      },
      release() {
        balancer.release()
        for (const slot of slots.values()) close(slot)
        slots.clear()
      },
    },
  }
}

function inheritable(slots: Iterable<Slot>): InheritedListener[] {
  return [...slots].flatMap(({ number, address, handle }) =>
    handle === undefined ? [] : [{ query: slotQuery(address, number), handle }],
  )
}
