import { type Load, type LoadOptions, startLoad } from '../../helpers/load.ts'

/** Clients that go on until they are stopped, or until the measurement fails. */
export function startClients(options: LoadOptions): Load & AsyncDisposable {
  const load = startLoad(options)
  return {
    ...load,
    [Symbol.asyncDispose]: async () => void (await load.stop()),
  }
}
