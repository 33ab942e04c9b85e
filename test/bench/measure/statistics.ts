/** @param part 0 … 1 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export interface Ratio {
  median: number
  /** The middle half of the rounds lies between these. */
  low: number
  high: number
}

/** Of what was measured in the same round, so that a slow moment of the machine hits both. */
export function ratioOf(
  values: readonly number[] | undefined,
  base: readonly number[] | undefined,
): Ratio | undefined {
  if (values === undefined || base === undefined) return undefined
  const ratios = values.flatMap((value, round) => {
    const floor = base[round]
    return floor === undefined || floor === 0 ? [] : [value / floor]
  })
  if (ratios.length === 0) return undefined
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) }
}
