/** So many at a time; who comes later waits for a place. @returns takes a place, and gives what leaves it */
export function limited(places: number): () => Promise<() => void> {
  const waiting: (() => void)[] = []
  let free = places

  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }

  return async () => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    return leave
  }
}
