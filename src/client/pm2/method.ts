/** PM2's calling convention: a callback that comes last, or a promise where there is none. */

import { toPm2Error } from './pm2-error.ts'

export type Callback<T> = (error: Error | null, result: T) => void

/** A method of PM2's API: what it takes, what it gives, and what may be left out before the callback. */
export interface Method<Args extends unknown[], T, Optional extends unknown[] = []> {
  (...args: [...Args, Callback<T>]): void
  (...args: [...Args, ...Optional, Callback<T>]): void
  (...args: [...Args, ...Partial<Optional>]): Promise<T>
}

type WorkOf<M> =
  M extends Method<infer Args, infer T, infer Optional>
    ? (...args: [...Args, ...Partial<Optional>]) => Promise<T>
    : never

export function method<M>(work: WorkOf<M>): M {
  const run = async (args: unknown[]): Promise<unknown> => {
    try {
      return await (work as (...given: unknown[]) => Promise<unknown>)(...args)
    } catch (error) {
      throw toPm2Error(error)
    }
  }
  const called = (...given: unknown[]): Promise<unknown> | undefined => {
    const last = given.at(-1)
    if (typeof last !== 'function') return run(given)
    const callback = last as (...results: unknown[]) => void
    // Out of the promise, so that what a callback throws is the program's own exception.
    run(given.slice(0, -1)).then(
      (result) => process.nextTick(callback, null, result),
      (error: unknown) => process.nextTick(callback, error),
    )
    return undefined
  }
  return called as M
}
