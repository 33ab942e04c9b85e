import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until there is an answer; fails after `timeoutMs`. For facts that send no event. */
export async function until<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadline)
      throw new Error(`not so within ${timeoutMs} ms: ${ask.toString().slice(0, 200)}`)
    await sleep(10)
  }
}
