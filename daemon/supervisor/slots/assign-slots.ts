/** Who accepts from which slot. Pure. */

export interface Acceptor {
  /** Of the process; a replacement has a higher one. */
  id: number
  /** Instance number. */
  number: number
}

/**
 * A slot belongs to the instance of its number, the youngest process of it first. Without one, another instance serves it
 * until there is one again: whatever waits in its queue is answered, and a proxy need not be told.
 * @returns the id of a process by number of a slot; undefined when nobody can accept
 */
export function assignSlots(
  numbers: readonly number[],
  acceptors: readonly Acceptor[],
): Map<number, number | undefined> {
  const byNumber = new Map<number, Acceptor>()
  for (const acceptor of acceptors) {
    const known = byNumber.get(acceptor.number)
    if (known === undefined || known.id < acceptor.id) byNumber.set(acceptor.number, acceptor)
  }
  const others = [...byNumber.values()].toSorted((a, b) => a.number - b.number)
  return new Map(
    numbers.map((number) => [
      number,
      (byNumber.get(number) ?? others[number % Math.max(1, others.length)])?.id,
    ]),
  )
}
