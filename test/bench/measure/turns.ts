/** Figures by name, of one measurement. */
export type Figures = Record<string, number>
export type Samples = Record<string, number[]>

/** Who can be measured at all: undefined for a program that could not be had. */
export type Runs = Record<string, (() => Promise<Figures> | Figures) | undefined>

/** A B C A B C …, so that what disturbs the machine for a while disturbs all alike. */
export async function inTurns(
  rounds: number,
  runs: Runs,
): Promise<Record<string, Samples | undefined>> {
  const all: Record<string, Samples | undefined> = {}
  for (let round = 0; round < rounds; round += 1) {
    for (const [subject, run] of Object.entries(runs)) {
      if (run === undefined) continue
      const samples = (all[subject] ??= {})
      for (const [name, value] of Object.entries(await run())) (samples[name] ??= []).push(value)
    }
  }
  return all
}
