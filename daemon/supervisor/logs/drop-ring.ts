/** What an app may hold in memory while its logs cannot be written: the oldest lines go first. */

const RING_BYTES = 1024 * 1024

export interface RingMember {
  /** Bytes that wait for a file which takes none; 0 while it does. */
  stuckBytes(): number
  /** Drops at least so many bytes, in whole lines, and counts the lines. */
  dropOldest(bytes: number): void
}

export interface DropRing {
  join(member: RingMember): Disposable
  /** Brings the app's files below the limit, the largest first. */
  trim(): void
  isEmpty(): boolean
}

export function createDropRing(limitBytes: number = RING_BYTES): DropRing {
  const members = new Set<RingMember>()
  return {
    isEmpty: () => members.size === 0,
    join(member) {
      members.add(member)
      return { [Symbol.dispose]: () => void members.delete(member) }
    },
    trim() {
      let total = 0
      let largest: RingMember | undefined
      for (const member of members) {
        total += member.stuckBytes()
        if (member.stuckBytes() > (largest?.stuckBytes() ?? 0)) largest = member
      }
      // A quarter at once: dropping moves what stays, which is not to happen at each chunk.
      if (total > limitBytes) largest?.dropOldest(total - Math.floor(limitBytes * 0.75))
    },
  }
}
