import type { Row } from './measure/report.ts'
import type { Manager } from './subjects/subject.ts'

export interface Part {
  name: string
  /** One line, for `--help`. */
  about: string
  run(bench: Bench): Promise<void>
}

/** What a part gets from whoever runs it. */
export interface Bench {
  /** How often to repeat what is usually repeated so often. */
  rounds(usual: number): number
  /** How long to go on with what usually takes so long. */
  seconds(usual: number): number
  /** Tells what takes long. */
  say(text: string): void
  add(row: Omit<Row, 'part'>): void
  /** Undefined where PM2 cannot be had: its column stays empty. */
  newPm2: (() => Manager) | undefined
}
