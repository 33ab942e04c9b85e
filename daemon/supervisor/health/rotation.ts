/** Whether an instance may have connections, put together from all who have a say in it. */

export type Objector = 'probe' | 'silence' | 'notice'

export interface Rotation {
  /** An objection, or undefined for none any more. */
  set(objector: Objector, objection: string | undefined): void
  /** Says again what holds: whoever listens may have missed it. */
  tell(): void
  isIn(): boolean
}

/**
 * @param onChange `message`: the objection, or what the last one was
 * @param counts some do not count at times
 */
export function createRotation(
  onChange: (isIn: boolean, message: string) => void,
  counts: (objector: Objector) => boolean,
): Rotation {
  const objections = new Map<Objector, string>()
  let wasIn = true
  let lastObjection = ''

  const valid = (): string | undefined =>
    [...objections].find(([objector]) => counts(objector))?.[1]

  function check(isForced: boolean): void {
    const objection = valid()
    const isIn = objection === undefined
    lastObjection = objection ?? lastObjection
    if (isIn === wasIn && !(isForced && !isIn)) return
    wasIn = isIn
    onChange(isIn, objection ?? `no more: ${lastObjection}`)
  }

  return {
    set(objector, objection) {
      if (objection === undefined) objections.delete(objector)
      else objections.set(objector, objection)
      check(false)
    },
    tell: () => check(true),
    isIn: () => valid() === undefined,
  }
}
