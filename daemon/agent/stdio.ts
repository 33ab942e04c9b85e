/** Output is written before `write` returns, as to a terminal or a file: else `process.exit()` loses what is on its way. */

interface Blocking {
  _handle?: { setBlocking?(on: boolean): void } | null
}

/** Lazily: the streams cost a millisecond, and many apps only write to one of them. */
export function makeOutputBlocking(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const original = Object.getOwnPropertyDescriptor(process, name)
    if (original?.get === undefined) continue
    const { get } = original
    Object.defineProperty(process, name, {
      ...original,
      get() {
        Object.defineProperty(process, name, original)
        const stream = get.call(process) as Blocking
        stream._handle?.setBlocking?.(true)
        return stream
      },
    })
  }
}
