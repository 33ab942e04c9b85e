/** Figures by name, of one measurement. */
export type Figures = Record<string, number>
export type Samples = Record<string, number[]>

/** Who can be measured at all: undefined for a program that could not be had. */
export type Runs = Record<string, (() => Promise<Figures> | Figures) | undefined>

/** A B C C B A …: what disturbs the machine for a while disturbs all alike, and nobody always comes after the same one. */
export async function inTurns(
  rounds: number,
  runs: Runs,
): Promise<Record<string, Samples | undefined>> {
  const all: Record<string, Samples | undefined> = {}
  const order = Object.entries(runs)
  for (let round = 0; round < rounds; round += 1) {
    for (const [subject, run] of round % 2 === 0 ? order : order.toReversed()) {
      if (run === undefined) continue
      const samples = (all[subject] ??= {})
      for (const [name, value] of Object.entries(await run())) (samples[name] ??= []).push(value)
    }
  }
  return all
}
