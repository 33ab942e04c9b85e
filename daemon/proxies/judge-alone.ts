/** `--check`: the real program judges the text, before it is anywhere. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { LbmError } from '../../src/contract/errors.ts'
import type { ProxyProgram } from './port.ts'

/** @returns what it said @throws LbmError OPERATION_FAILED when it refuses the text */
export async function judgeAlone(
  program: ProxyProgram,
  text: string,
  { runDir }: { runDir: string },
): Promise<string> {
  const folder = await mkdtemp(join(runDir, 'check-'))
  try {
    const file = join(folder, 'lbm.conf')
    await writeFile(file, text)
    const { ok, output } = await program.judgeAlone(file, folder)
    const said = output.replaceAll(file, '<the text>').trim()
    if (!ok)
      throw new LbmError('OPERATION_FAILED', `${program.kind} refuses the configuration: ${said}`)
    return said
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
